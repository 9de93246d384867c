/// Reads the members of a JSON object one by one and, at the end, names those nobody read.
///
/// A tokenizer's file may ask for things that change ids. What is not known is refused, never passed over.
struct JSONObjectReader {
    /// Where the object stands: `tokenizer.json: pre_tokenizer`.
    let context: String
    private var members: [String: JSONValue]

    /// - Throws: ``TokenizerError`` with code `.malformed` when `value` is not an object.
    init(_ value: JSONValue, context: String) throws(TokenizerError) {
        guard case .object(let list) = value else {
            throw TokenizerError(
                code: .malformed, message: "expected an object, found \(value.kind)", context: context)
        }
        self.context = context
        members = Dictionary(list.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// Takes a member out; nil when it is missing or null.
    mutating func take(_ key: String) -> JSONValue? {
        guard let value = members.removeValue(forKey: key), value != .null else { return nil }
        return value
    }

    mutating func takeString(_ key: String) throws(TokenizerError) -> String? {
        guard let value = take(key) else { return nil }
        guard case .string(let text) = value else { throw wrong(key, "a string", value) }
        return text
    }

    mutating func takeBool(_ key: String, default fallback: Bool) throws(TokenizerError) -> Bool {
        guard let value = take(key) else { return fallback }
        guard case .bool(let flag) = value else { throw wrong(key, "true or false", value) }
        return flag
    }

    mutating func takeArray(_ key: String) throws(TokenizerError) -> [JSONValue]? {
        guard let value = take(key) else { return nil }
        guard case .array(let elements) = value else { throw wrong(key, "an array", value) }
        return elements
    }

    /// Takes a member that must be there and name a token id.
    mutating func takeID(_ key: String) throws(TokenizerError) -> Int32 {
        let value = take(key) ?? .null
        guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
            throw wrong(key, "a token id", value)
        }
        return id
    }

    mutating func takeRequiredString(_ key: String) throws(TokenizerError) -> String {
        guard let text = try takeString(key) else { throw wrong(key, "a string", .null) }
        return text
    }

    /// - Throws: ``TokenizerError`` with code `.unsupported`, naming the members that were not taken.
    func finish() throws(TokenizerError) {
        let unread = members.filter { $0.value != .null }.keys.sorted()
        guard unread.isEmpty else {
            throw unsupported("\(unread.prefix(5).joined(separator: ", "))")
        }
    }

    func wrong(_ key: String, _ expected: String, _ found: JSONValue) -> TokenizerError {
        TokenizerError(
            code: .malformed, message: "\"\(key)\" should be \(expected), found \(found.kind)",
            context: context)
    }

    func unsupported(_ what: String) -> TokenizerError {
        TokenizerError(
            code: .unsupported,
            message:
                "\(what) is not supported; supported are byte-level BPE (as GPT-2, Llama 3, Qwen 2, SmolLM), BPE and "
                + "Unigram of SentencePiece (as Llama 2, T5), and WordPiece (as BERT)",
            context: context)
    }
}
