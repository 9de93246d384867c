/// A value of one JSON row. Objects keep their order; numbers keep their spelling.
public indirect enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// A key and its value.
    public struct Member: Sendable, Equatable {
        /// The key.
        public var key: String
        /// The value.
        public var value: JSONValue

        public init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// The value under `key`, when this is an object that has it.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// What it is, for "found …".
    public var summary: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): "the number \(text.prefix(24))"
        case .string(let text): text.isEmpty ? "an empty string" : "a string"
        case .array(let items): "a list of \(items.count)"
        case .object(let members):
            members.isEmpty
                ? "an object without keys" : "an object with \(Self.names(members.map(\.key)))"
        }
    }

    /// Names for a message: quoted, cut where there are many.
    static func names(_ names: [String]) -> String {
        let shown = names.prefix(8).map { "\"\($0.prefix(40))\"" }.joined(separator: ", ")
        return names.count > 8 ? shown + ", …" : shown
    }
}
