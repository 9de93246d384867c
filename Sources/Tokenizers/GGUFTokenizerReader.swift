/// Reads a tokenizer from a GGUF file's metadata.
///
/// GGUF names the kind of tokenizer and the splitting instead of stating them. Ids are those the original
/// `tokenizer.json` gives; qwen2 texts are therefore brought to form NFC, which GGUF does not mention.
///
/// Source: ggml docs/gguf.md; the names as in llama.cpp b8000, src/llama-vocab.cpp.
struct GGUFTokenizerReader {
    private(set) var parts = TokenizerParts()
    private let metadata: GGUFTokenizerMetadata

    /// - Throws: ``TokenizerError`` with code `.unsupported` naming the kind or splitting that is not known, and
    ///   `.malformed` for ids outside the vocabulary or merges of unknown tokens.
    init(_ metadata: GGUFTokenizerMetadata) throws(TokenizerError) {
        self.metadata = metadata
        for (key, count) in [("token_type", metadata.tokenTypes.count), ("scores", metadata.scores.count)]
        where count != 0 && count != metadata.tokens.count {
            throw TokenizerError(
                code: .malformed, message: "\(count) entries for \(metadata.tokens.count) tokens",
                context: "tokenizer.ggml.\(key)")
        }
        guard metadata.tokens.count < Int32.max else {
            throw TokenizerError(
                code: .malformed, message: "more than \(Int32.max) tokens", context: "tokenizer.ggml.tokens")
        }
        parts.vocabulary = metadata.tokens.enumerated().map { ($1, Int32($0)) }
        parts.bosTokenID = try id(metadata.bosTokenID, "bos_token_id")
        parts.eosTokenID = try id(metadata.eosTokenID, "eos_token_id")
        parts.padTokenID = try id(metadata.padTokenID, "padding_token_id")
        parts.endTokenIDs = [try id(metadata.endOfTurnTokenID, "eot_token_id")].compactMap { $0 }
        parts.chatTemplateText = metadata.chatTemplate
        switch metadata.model {
        case "gpt2": try readBytePairs()
        case "llama": try readSentencePieces()
        case "bert": try readWordPieces()
        default:
            throw TokenizerError(
                code: .unsupported,
                message:
                    "the tokenizer \"\(metadata.model.prefix(80))\" is not supported; expected \"gpt2\" (byte-level "
                    + "BPE), \"llama\" (SentencePiece) or \"bert\" (WordPiece)",
                context: "tokenizer.ggml.model")
        }
    }

    private mutating func readBytePairs() throws(TokenizerError) {
        var addsBeginOfSequence = metadata.addsBeginOfSequence ?? false
        var ignoresMerges = false
        let pattern: String
        switch metadata.preTokenizer {
        case "gpt-2": pattern = PreTokenizer.gpt2Pattern
        case "smollm", "starcoder", "refact", "command-r":
            pattern = PreTokenizer.gpt2Pattern
            parts.preTokenizerSteps.append(try .digits(individually: true))
        case "llama-bpe", "llama3", "llama-v3":
            pattern = PreTokenizer.llama3Pattern
            ignoresMerges = true
            addsBeginOfSequence = metadata.addsBeginOfSequence ?? true
        case "qwen2":
            pattern = PreTokenizer.qwen2Pattern
            parts.normalizers = [.nfc]
        case let name:
            throw TokenizerError(
                code: .unsupported,
                message:
                    "the pre-tokenizer \"\(name?.prefix(80) ?? "(none)")\" is not supported; expected gpt-2, "
                    + "llama-bpe, qwen2, smollm, starcoder, refact or command-r",
                context: "tokenizer.ggml.pre")
        }
        if metadata.addsSpacePrefix == true { parts.preTokenizerSteps.append(.prefixSpace(onlyFirst: false)) }
        parts.preTokenizerSteps.append(try .split(onigurumaPattern: pattern, behavior: .isolated))
        try readAddedTokens(hasByteTokens: false) { $0 }
        var merges: [(left: String, right: String)] = []
        for (index, line) in metadata.merges.enumerated() {
            merges.append(try TokenizerParts.mergePair(line, index: index))
        }
        parts.model = .bytePairs(merges: merges, ignoresMerges: ignoresMerges, unknown: nil)
        addAround(
            begins: addsBeginOfSequence, ends: metadata.addsEndOfSequence ?? false)
    }

    /// SentencePiece's BPE: any two neighbours merge that are a token together, by the tokens' scores.
    private mutating func readSentencePieces() throws(TokenizerError) {
        guard metadata.scores.count == metadata.tokens.count, metadata.scores.allSatisfy({ !$0.isNaN }) else {
            throw TokenizerError(
                code: .malformed,
                message: "a tokenizer of the kind \"llama\" needs a score for each of its "
                    + "\(metadata.tokens.count) tokens; found \(metadata.scores.count)",
                context: "tokenizer.ggml.scores")
        }
        parts.usesMetaSpaces = true
        let addsPrefix = metadata.addsSpacePrefix ?? true
        parts.normalizers = (addsPrefix ? [.prepend(" ")] : []) + [.metaSpaces]
        parts.decodingRule = .pieces(
            .init(start: addsPrefix ? .withoutOneSpace : .kept, invalidBytes: .wholeRun))
        try readAddedTokens(hasByteTokens: true) { MetaSpace.replacingSymbols($0) }
        let isMergeable = metadata.tokenTypes.map { $0 == 1 || $0 == 4 || $0 == 5 }
        parts.model = .characterPairs(
            merges: .scores(
                metadata.scores.enumerated().map { isMergeable.isEmpty || isMergeable[$0] ? $1 : nil }),
            hasByteFallback: true,
            unknown: try id(metadata.unknownTokenID, "unknown_token_id").map {
                BytePairModel.UnknownToken(id: $0, isFused: true)
            })
        addAround(
            begins: metadata.addsBeginOfSequence ?? true, ends: metadata.addsEndOfSequence ?? false)
    }

    /// WordPiece. A word's first piece is written with `▁` before it, a later one as it is; here they get the names
    /// BERT's `vocab.txt` has.
    private mutating func readWordPieces() throws(TokenizerError) {
        try readAddedTokens(hasByteTokens: false) { $0 }
        let specials = Set(parts.addedTokens.map(\.id))
        parts.vocabulary = parts.vocabulary.map { name, id in
            if specials.contains(id) { return (name, id) }
            if name.utf8.starts(with: MetaSpace.symbol.utf8) {
                return (String(name.unicodeScalars.dropFirst()), id)
            }
            // Older converters left the unused tokens as they are.
            let isBracketed = name.utf8.first == UInt8(ascii: "[") && name.utf8.last == UInt8(ascii: "]")
            return (isBracketed && name.utf8.count > 2 ? name : "##" + name, id)
        }
        let unknown = try id(metadata.unknownTokenID, "unknown_token_id")
        var options = WordPieceModel.Options()
        if let unknown { options.unknownToken = metadata.tokens[Int(unknown)] }
        parts.model = .wordPieces(options)
        parts.normalizers = [.bert(BertNormalizer())]
        parts.preTokenizerSteps = [try .atWhitespace(), try .atPunctuation()]
        parts.decodingRule = .words(prefix: "##", cleansUp: true)
        if metadata.addsBeginOfSequence ?? true {
            parts.prefixIDs = [try id(metadata.classTokenID, "cls_token_id") ?? parts.bosTokenID]
                .compactMap { $0 }
        }
        if metadata.addsEndOfSequence ?? true {
            parts.suffixIDs = [try id(metadata.separatorTokenID, "seperator_token_id") ?? parts.eosTokenID]
                .compactMap { $0 }
        }
    }

    private mutating func addAround(begins: Bool, ends: Bool) {
        if begins, let bos = parts.bosTokenID { parts.prefixIDs = [bos] }
        if ends, let eos = parts.eosTokenID { parts.suffixIDs = [eos] }
    }

    /// Tokens that are looked for in the text: unknown, control and user-defined ones.
    private mutating func readAddedTokens(
        hasByteTokens: Bool, content: (String) -> String
    ) throws(TokenizerError) {
        for (id, type) in metadata.tokenTypes.enumerated() {
            switch type {
            case 1, 5: break
            case 2, 3, 4:
                let content = content(metadata.tokens[id])
                parts.vocabulary[id].name = content
                parts.addedTokens.append(AddedToken(id: Int32(id), content: content, isSpecial: type != 4))
            case 6 where hasByteTokens: break
            default:
                throw TokenizerError(
                    code: .unsupported,
                    message:
                        "token \(id) (\"\(metadata.tokens[id].prefix(80))\") has type \(type), which this kind of "
                        + "tokenizer has not",
                    context: "tokenizer.ggml.token_type")
            }
        }
    }

    private func id(_ id: Int?, _ key: String) throws(TokenizerError) -> Int32? {
        guard let id else { return nil }
        guard metadata.tokens.indices.contains(id) else {
            throw TokenizerError(
                code: .malformed,
                message: "id \(id) is outside the vocabulary of \(metadata.tokens.count)",
                context: "tokenizer.ggml.\(key)")
        }
        return Int32(id)
    }
}
