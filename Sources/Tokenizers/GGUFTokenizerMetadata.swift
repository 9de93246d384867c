/// The `tokenizer.*` entries of a GGUF file, as plain values.
///
/// Source: ggml, docs/gguf.md.
public struct GGUFTokenizerMetadata: Sendable {
    /// `tokenizer.ggml.model`: the kind of tokenizer: "gpt2" for byte-level BPE, "llama" for SentencePiece's BPE,
    /// "bert" for WordPiece.
    public var model: String
    /// `tokenizer.ggml.pre`: how text is split into words.
    public var preTokenizer: String?
    /// `tokenizer.ggml.tokens`: names; the index is the id.
    public var tokens: [String]
    /// `tokenizer.ggml.token_type`, one for each token: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused,
    /// 6 byte. Empty when the file has none.
    public var tokenTypes: [Int32]
    /// `tokenizer.ggml.scores`, one for each token ("llama"). Empty when the file has none.
    public var scores: [Float]
    /// `tokenizer.ggml.merges`: pairs separated by a space, in the order of merging.
    public var merges: [String]
    /// `tokenizer.ggml.bos_token_id`.
    public var bosTokenID: Int?
    /// `tokenizer.ggml.eos_token_id`.
    public var eosTokenID: Int?
    /// `tokenizer.ggml.eot_token_id`: a second token that ends generation.
    public var endOfTurnTokenID: Int?
    /// `tokenizer.ggml.padding_token_id`.
    public var padTokenID: Int?
    /// `tokenizer.ggml.unknown_token_id`.
    public var unknownTokenID: Int?
    /// `tokenizer.ggml.cls_token_id` and `seperator_token_id` (so spelled), which go around a text ("bert").
    public var classTokenID: Int?
    public var separatorTokenID: Int?
    /// `tokenizer.ggml.add_bos_token`.
    public var addsBeginOfSequence: Bool?
    /// `tokenizer.ggml.add_eos_token`.
    public var addsEndOfSequence: Bool?
    /// `tokenizer.ggml.add_space_prefix`.
    public var addsSpacePrefix: Bool?
    /// `tokenizer.chat_template`.
    public var chatTemplate: String?

    public init(
        model: String, preTokenizer: String?, tokens: [String], tokenTypes: [Int32] = [],
        scores: [Float] = [], merges: [String] = [], bosTokenID: Int? = nil, eosTokenID: Int? = nil,
        endOfTurnTokenID: Int? = nil, padTokenID: Int? = nil,
        unknownTokenID: Int? = nil, classTokenID: Int? = nil, separatorTokenID: Int? = nil,
        addsBeginOfSequence: Bool? = nil, addsEndOfSequence: Bool? = nil, addsSpacePrefix: Bool? = nil,
        chatTemplate: String? = nil
    ) {
        self.model = model
        self.preTokenizer = preTokenizer
        self.tokens = tokens
        self.tokenTypes = tokenTypes
        self.scores = scores
        self.merges = merges
        self.bosTokenID = bosTokenID
        self.eosTokenID = eosTokenID
        self.endOfTurnTokenID = endOfTurnTokenID
        self.padTokenID = padTokenID
        self.unknownTokenID = unknownTokenID
        self.classTokenID = classTokenID
        self.separatorTokenID = separatorTokenID
        self.addsBeginOfSequence = addsBeginOfSequence
        self.addsEndOfSequence = addsEndOfSequence
        self.addsSpacePrefix = addsSpacePrefix
        self.chatTemplate = chatTemplate
    }
}
