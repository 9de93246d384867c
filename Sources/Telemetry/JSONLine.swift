/// Builds one line of JSON whose members stand in the order in which they are added.
///
/// Foundation's encoder orders keys by its own rules; a line that people watch scroll by begins with the step.
package struct JSONLine: Sendable {
    private var members: [String] = []

    package init() {}

    /// The object as one line, without a line break.
    package var text: String { "{" + members.joined(separator: ",") + "}" }

    package mutating func add(_ key: String, _ value: Int) { add(key, raw: String(value)) }

    package mutating func add(_ key: String, _ value: UInt64) { add(key, raw: String(value)) }

    package mutating func add(_ key: String, _ value: Bool) { add(key, raw: value ? "true" : "false") }

    /// Adds the shortest decimal that reads back as `value`; null for NaN and infinities, which JSON lacks.
    package mutating func add(_ key: String, _ value: Double) {
        add(key, raw: value.isFinite ? value.description : "null")
    }

    package mutating func add(_ key: String, _ value: String) { add(key, raw: Self.quoted(value)) }

    /// Adds null for no text.
    package mutating func add(_ key: String, _ value: String?) {
        if let value { add(key, value) } else { add(key, raw: "null") }
    }

    package mutating func add(_ key: String, _ values: [UInt32]) {
        add(key, raw: "[" + values.map(String.init).joined(separator: ",") + "]")
    }

    /// Adds an object of strings with sorted keys.
    package mutating func add(_ key: String, _ values: [String: String]) {
        let inner = values.sorted { $0.key < $1.key }.map {
            "\(Self.quoted($0.key)):\(Self.quoted($0.value))"
        }
        add(key, raw: "{" + inner.joined(separator: ",") + "}")
    }

    /// Adds `{"labels": […], "counts": [[…] …]}`.
    package mutating func addTable(_ key: String, labels: [String], counts: [[Int]]) {
        let rows = counts.map { "[" + $0.map(String.init).joined(separator: ",") + "]" }
        add(
            key,
            raw: "{\"labels\":[" + labels.map(Self.quoted).joined(separator: ",") + "],\"counts\":["
                + rows.joined(separator: ",") + "]}")
    }

    private mutating func add(_ key: String, raw: String) { members.append("\(Self.quoted(key)):\(raw)") }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
