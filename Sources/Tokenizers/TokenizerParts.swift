/// A tokenizer as its files describe it, before it is checked and assembled.
///
/// The readers of `tokenizer.json` and of GGUF metadata fill one of these in.
struct TokenizerParts {
    var vocabulary: [(name: String, id: Int32)] = []
    var merges: [(left: String, right: String)] = []
    /// Whether a word that is a token as a whole is not merged from its bytes.
    var ignoresMerges = false
    var unknownToken: BytePairModel.UnknownToken?
    var normalizers: [Normalizer] = []
    var preTokenizerSteps: [PreTokenizer.Step] = []
    var addedTokens: [AddedToken] = []
    var prefixIDs: [Int32] = []
    var suffixIDs: [Int32] = []
    var bosTokenID: Int32?
    var eosTokenID: Int32?
    var padTokenID: Int32?
    /// Ids that end generation besides `eosTokenID`.
    var endTokenIDs: [Int32] = []
    var chatTemplateText: String?
}
