import Foundation

extension ModelDirectoryWriter {
    /// `text`, a config.json, with the names of a classifier's head; everything else is as it was.
    ///
    /// - Parameter architecture: what transformers calls the model with that head.
    static func naming(_ labels: [String], architecture: String?, in text: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let names = try labels.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
        let byNumber = names.enumerated().map { "\"\($0.offset)\": \($0.element)" }
        let byName = names.enumerated().map { "\($0.element): \($0.offset)" }
        var text = text
        for (key, value): (String, String?) in [
            ("label2id", "{\(byName.joined(separator: ", "))}"),
            ("id2label", "{\(byNumber.joined(separator: ", "))}"),
            ("architectures", architecture.map { "[\"\($0)\"]" }),
        ] {
            guard let value else { continue }
            let string = #""(?:[^"\\]|\\.)*""#
            let pattern =
                "\"\(key)\"\\s*:\\s*(?:\\{(?:[^{}\"]|\(string))*\\}|\\[(?:[^\\[\\]\"]|\(string))*\\]|null)"
            if let range = text.range(of: pattern, options: .regularExpression) {
                text.replaceSubrange(range, with: "\"\(key)\": \(value)")
            } else if let brace = text.firstIndex(of: "{") {
                text.insert(contentsOf: "\n  \"\(key)\": \(value),", at: text.index(after: brace))
            }
        }
        return text
    }
}
