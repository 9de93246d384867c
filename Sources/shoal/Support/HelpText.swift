import ArgumentParser

/// `--help` with its example at the end, where a reader looks last, and on lines of its own to be copied.
enum HelpText {
    private static let heading = "\nExample:\n"
    private static let next = "\n\nUSAGE:"

    /// The help that `error` asks for; nil when it asks for none.
    static func arranged(for error: any Error) -> String? {
        guard Shoal.exitCode(for: error) == .success else { return nil }
        let text = Shoal.fullMessage(for: error)
        // Unwrapped, so that a command stays one line whatever the terminal's width.
        let wide = Shoal.fullMessage(for: error, columns: 10_000)
        guard let around = split(text), let example = split(wide)?.example else { return nil }
        return around.before + next + around.after.trimmingSuffix { $0.isWhitespace } + "\n\nEXAMPLE:\n"
            + example
            + "\n"
    }

    /// What stands before the example, the example, and what stands behind the heading that follows it.
    private static func split(_ text: String) -> (before: String, example: String, after: String)? {
        guard let start = text.firstRange(of: heading),
            let end = text[start.upperBound...].firstRange(of: next)
        else { return nil }
        let before = text[..<start.lowerBound].trimmingSuffix { $0.isWhitespace }
        return (before, String(text[start.upperBound..<end.lowerBound]), String(text[end.upperBound...]))
    }
}

extension StringProtocol {
    /// The text without the characters at its end that satisfy `isLeftOut`.
    fileprivate func trimmingSuffix(_ isLeftOut: (Character) -> Bool) -> String {
        var end = endIndex
        while end > startIndex, isLeftOut(self[index(before: end)]) { end = index(before: end) }
        return String(self[..<end])
    }
}
