/// Writes text as a YAML scalar that reads back as the same text.
package enum YAMLText {
    private static let reserved: Set<String> = [
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "epoch", "all-linear",
    ]

    /// The text plain where that is unambiguous, else in double quotes.
    package static func scalar(_ text: String) -> String {
        let isPlain =
            text.utf8.allSatisfy(isPlainByte) && text.utf8.first.map(isFirstByte) == true
            && !reserved.contains(text.lowercased()) && Double(text) == nil
        return isPlain ? text : quoted(text)
    }

    /// The text in double quotes, with everything that YAML cannot hold as such escaped.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "\u{20}"..."\u{7E}", "\u{A0}"..."\u{2027}", "\u{202A}"..."\u{D7FF}",
                "\u{E000}"..."\u{FEFE}", "\u{FF00}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
            }
        }
        return result + "\""
    }

    private static func isFirstByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_")
    }

    private static func isPlainByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || "/._-@+".utf8.contains(byte)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
