/// A tokenizer as its files describe it, before it is checked and assembled.
///
/// The readers of `tokenizer.json`, of the older files and of GGUF metadata fill one of these in.
struct TokenizerParts {
    /// How words become tokens, as far as files say.
    enum Model {
        /// Byte-level pairs; `ignoresMerges`: a word that is a token as a whole is not merged from its bytes.
        case bytePairs(
            merges: [(left: String, right: String)], ignoresMerges: Bool, unknown: BytePairModel.UnknownToken?
        )
        /// Pairs that begin with characters.
        case characterPairs(
            merges: CharacterPairModel.Merges, hasByteFallback: Bool, unknown: BytePairModel.UnknownToken?)
        case unigrams(scores: [Double], unknownID: Int32?, hasByteFallback: Bool)
        case wordPieces(WordPieceModel.Options)
        /// A `.model` file, which libsentencepiece reads and applies.
        case sentencePiece(SentencePieceFile)
    }

    var model = Model.bytePairs(merges: [], ignoresMerges: false, unknown: nil)
    var vocabulary: [(name: String, id: Int32)] = []
    /// Whether `▁` in names stands for a space.
    var usesMetaSpaces = false
    var decodingRule = DecodingRule.bytes
    var normalizers: [Normalizer] = []
    var preTokenizerSteps: [PreTokenizer.Step] = []
    var addedTokens: [AddedToken] = []
    var prefixIDs: [Int32] = []
    var suffixIDs: [Int32] = []
    /// Whether the begin-of-sequence token goes first where the configuration speaks only of the last.
    var addsBeginUnlessToldOtherwise = false
    var bosTokenID: Int32?
    var eosTokenID: Int32?
    var padTokenID: Int32?
    /// Ids that end generation besides `eosTokenID`.
    var endTokenIDs: [Int32] = []
    var chatTemplateText: String?

    /// The model that ``model`` describes.
    ///
    /// - Throws: ``TokenizerError`` with code `.malformed` or `.unsupported`, naming the token that is wrong.
    func makeModel() throws(TokenizerError) -> any SubwordModel {
        switch model {
        case .bytePairs(let merges, let ignoresMerges, let unknown):
            return try BytePairModel(
                vocabulary: vocabulary, merges: merges, ignoresMerges: ignoresMerges, unknownToken: unknown)
        case .characterPairs(let merges, let hasByteFallback, let unknown):
            return try CharacterPairModel(
                vocabulary: vocabulary, merges: merges, usesMetaSpaces: usesMetaSpaces,
                hasByteFallback: hasByteFallback, unknownToken: unknown)
        case .unigrams(let scores, let unknownID, let hasByteFallback):
            return try UnigramModel(
                vocabulary: vocabulary, scores: scores, unknownID: unknownID, usesMetaSpaces: usesMetaSpaces,
                hasByteFallback: hasByteFallback)
        case .wordPieces(let options): return try WordPieceModel(vocabulary: vocabulary, options: options)
        case .sentencePiece(let file): return try SentencePieceModel(file)
        }
    }

    /// Reads one merge written as two names with a space between.
    static func mergePair(_ line: String, index: Int) throws(TokenizerError) -> (left: String, right: String)
    {
        let halves = line.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
        guard halves.count == 2 else {
            throw TokenizerError(
                code: .malformed,
                message:
                    "merge \(index) is \"\(line.prefix(80))\"; expected two tokens with one space between")
        }
        return (String(halves[0]), String(halves[1]))
    }
}
