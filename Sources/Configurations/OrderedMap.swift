/// A small mapping that keeps the order of the file, because the first matching pattern counts.
public struct OrderedMap<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
    /// One key and its value.
    public struct Entry: Codable, Sendable, Equatable {
        /// The key.
        public var key: String
        /// Its value.
        public var value: Value

        public init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// The entries in the order of the file; keys differ.
    public var entries: [Entry]

    public init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    /// Whether there is no entry.
    public var isEmpty: Bool { entries.isEmpty }

    /// The value of `key`.
    public subscript(key: String) -> Value? {
        entries.first { $0.key == key }?.value
    }
}
