/// A regular expression with the meaning PEFT gives it (Python's `re` on module names).
struct RegularExpression {
    private let regex: Regex<AnyRegexOutput>

    /// - Parameter origin: the key the pattern stands under.
    /// - Throws: ``AdapterError`` with code `.invalidConfiguration` that quotes the pattern and what is wrong with it.
    init(_ pattern: String, origin: String) throws(AdapterError) {
        do {
            // Python looks at code points, not at what a reader takes for one character.
            regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
        } catch {
            throw AdapterError(
                code: .invalidConfiguration,
                message: "\(origin): '\(pattern)' is not a regular expression: \(error)", context: origin)
        }
    }

    /// Python's `re.fullmatch`: whether all of `text` matches.
    func matchesWhole(_ text: String) -> Bool { ((try? regex.wholeMatch(in: text)) ?? nil) != nil }

    /// Python's `re.match`: what the group called `name` matched, with `text` matching from its start on; nil when it
    /// does not.
    func capture(named name: String, fromStartOf text: String) -> String? {
        guard let match = (try? regex.prefixMatch(in: text)) ?? nil else { return nil }
        return match[name]?.substring.map(String.init)
    }
}
