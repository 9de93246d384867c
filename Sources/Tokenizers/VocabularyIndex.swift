/// Ids by token names and by the texts the names stand for.
struct VocabularyIndex {
    let usesMetaSpaces: Bool
    private(set) var idsByName: ByteStringTable
    /// Tokens whose name a text can spell; byte tokens among them, under their names.
    private(set) var idsByText: ByteStringTable
    /// Whether a token has a space after another character.
    private(set) var crossesWords = false

    /// Longer names are refused where the cost of loading or encoding grows with them; SentencePiece's own limit is
    /// 16 characters unless told otherwise.
    static let longestNameByteCount = 1024

    /// - Throws: ``TokenizerError`` with code `.malformed` for a name or id that cannot be, `.unsupported` for a
    ///   name that is too long.
    init(_ vocabulary: [(name: String, id: Int32)], usesMetaSpaces: Bool) throws(TokenizerError) {
        self.usesMetaSpaces = usesMetaSpaces
        idsByName = ByteStringTable(capacity: vocabulary.count)
        idsByText = ByteStringTable(capacity: vocabulary.count)
        for (name, id) in vocabulary {
            guard id >= 0 else {
                throw TokenizerError(
                    code: .malformed, message: "token \"\(name.prefix(80))\" has the negative id \(id)")
            }
            guard name.utf8.count <= Self.longestNameByteCount else {
                throw TokenizerError(
                    code: .unsupported,
                    message:
                        "token \(id) has \(name.utf8.count) bytes, more than \(Self.longestNameByteCount)")
            }
            guard idsByName.insert(Array(name.utf8), value: id) == nil else {
                throw TokenizerError(
                    code: .malformed, message: "token \"\(name.prefix(80))\" is in the vocabulary twice")
            }
            guard let key = key(ofName: name) else { continue }
            idsByText.insert(key, value: id)
            crossesWords = crossesWords || MetaSpace.crossesWords(key)
        }
    }

    /// The text a name stands for, or nil when no text can spell it.
    func key(ofName name: String) -> [UInt8]? {
        usesMetaSpaces ? MetaSpace.key(ofName: name) : Array(name.utf8)
    }

    /// Whether a space alone is a token.
    var isSpaceAToken: Bool { idsByText[[MetaSpace.space]] != nil }
}
