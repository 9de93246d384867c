/// Text to token ids and back.
///
/// A tokenizer is immutable and may be used from several threads at once. Ids follow Hugging Face `tokenizers`:
/// for the same files, the same text gives the same ids.
///
/// Special tokens written out in a text (`<|im_end|>`) become their single ids, as they do in Hugging Face
/// `tokenizers`; see ``ChatTemplate`` for what that means for messages.
public protocol Tokenizer: Sendable {
    /// Encodes a text.
    ///
    /// - Parameter addSpecialTokens: whether to add what the tokenizer's own configuration adds around a text,
    ///   such as a begin-of-sequence token (``addsBeginOfSequence``). No end-of-sequence token is added unless
    ///   the configuration says so.
    /// - Throws: ``TokenizerError`` with code `.textTooLarge` for a text that 32-bit positions cannot
    ///   address, and `.patternFailed` when the tokenizer's own pattern exceeds the matcher's limits.
    func encode(_ text: String, addSpecialTokens: Bool) throws(TokenizerError) -> [Int32]

    /// Encodes bytes that should be UTF-8.
    ///
    /// Each invalid sequence becomes U+FFFD first, as Python's `bytes.decode("utf-8", errors="replace")` does.
    func encode(bytes: [UInt8], addSpecialTokens: Bool) throws(TokenizerError) -> [Int32]

    /// Encodes the segments' texts as one text and says which tokens hold a part of a marked segment.
    ///
    /// The ids are those of the joined text: a token may span a boundary, and is marked if any byte of it is.
    func encode(
        segments: [TextSegment], addSpecialTokens: Bool
    ) throws(TokenizerError) -> (ids: [Int32], isMarked: [Bool])

    /// The text of `ids`, by the ``decodingRule``. Ids outside the vocabulary are left out; bytes that form no UTF-8
    /// become U+FFFD.
    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String

    /// The bytes of one token as it stands inside a sequence, or nil when `id` is outside the vocabulary.
    ///
    /// The bytes of a text's tokens, joined, are the text, apart from spaces that were put before it or between
    /// words (``decodingRule``); one token alone may end inside a character.
    func bytes(ofToken id: Int32) -> [UInt8]?

    /// How tokens become text again.
    var decodingRule: DecodingRule { get }

    /// The token's name in the vocabulary (`Ġthe`, `<|im_end|>`), or nil when `id` is outside it.
    func token(ofID id: Int32) -> String?

    /// The id of a token's name in the vocabulary, or nil.
    func id(ofToken token: String) -> Int32?

    /// Whether `id` is a special token, which `decode(_:skipSpecialTokens: true)` leaves out.
    func isSpecialToken(_ id: Int32) -> Bool

    /// One more than the greatest id: the rows an embedding must have.
    var vocabularyCount: Int { get }

    /// The begin-of-sequence token's id, if the tokenizer names one (whether or not it is added).
    var bosTokenID: Int32? { get }

    /// The end-of-sequence token's id, if the tokenizer names one.
    var eosTokenID: Int32? { get }

    /// The padding token's id, if the tokenizer names one. Training never pads; this is for exported files.
    var padTokenID: Int32? { get }

    /// Ids at which generation stops: ``eosTokenID`` and those `generation_config.json` adds. Ascending.
    var endTokenIDs: [Int32] { get }

    /// Tokens matched in the text before any splitting, ascending by id.
    var addedTokens: [AddedToken] { get }

    /// Whether `encode(_:addSpecialTokens: true)` puts the begin-of-sequence token first.
    var addsBeginOfSequence: Bool { get }

    /// The base's chat template as its files state it (Jinja text), if they do.
    var chatTemplateText: String? { get }

    /// Bytes that are equal exactly when two tokenizers give the same ids for every text: vocabulary, merges,
    /// patterns, added and special tokens in a fixed order. Hash them to compare tokenizers between hosts.
    var canonicalDescription: [UInt8] { get }
}

/// A stretch of a text, marked or not.
public struct TextSegment: Sendable, Equatable {
    public let text: String
    public let isMarked: Bool

    public init(_ text: String, isMarked: Bool) {
        self.text = text
        self.isMarked = isMarked
    }
}

extension Tokenizer {
    /// Encodes a text with what the tokenizer's configuration adds.
    public func encode(_ text: String) throws(TokenizerError) -> [Int32] {
        try encode(text, addSpecialTokens: true)
    }

    public func encode(bytes: [UInt8], addSpecialTokens: Bool) throws(TokenizerError) -> [Int32] {
        try encode(String(decoding: bytes, as: UTF8.self), addSpecialTokens: addSpecialTokens)
    }

    public var decodingRule: DecodingRule { .bytes }

    public func isSpecialToken(_ id: Int32) -> Bool {
        addedTokens.contains { $0.id == id && $0.isSpecial }
    }
}
