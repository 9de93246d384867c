extension ByteLevelBPETokenizer {
    /// Reads a tokenizer from a GGUF file's metadata.
    ///
    /// GGUF names the splitting instead of stating it; the names known here are `gpt-2`, `llama-bpe` (also
    /// `llama3`, `llama-v3`), `qwen2` and `smollm`. Ids are those the original `tokenizer.json` gives; qwen2 texts
    /// are therefore brought to form NFC, which GGUF does not mention.
    ///
    /// - Throws: ``TokenizerError`` with code `.unsupported` naming the kind or splitting that is not known, and
    ///   `.malformed` for ids outside the vocabulary or merges of unknown tokens.
    /// - Source: ggml docs/gguf.md; the names as in llama.cpp b8000, src/llama-vocab.cpp.
    public convenience init(gguf metadata: GGUFTokenizerMetadata) throws(TokenizerError) {
        guard metadata.model == "gpt2" else {
            throw TokenizerError(
                code: .unsupported,
                message:
                    "the tokenizer \"\(metadata.model)\" is not supported; expected \"gpt2\" (byte-level BPE)",
                context: "tokenizer.ggml.model")
        }
        guard metadata.tokenTypes.isEmpty || metadata.tokenTypes.count == metadata.tokens.count else {
            throw TokenizerError(
                code: .malformed,
                message: "\(metadata.tokenTypes.count) types for \(metadata.tokens.count) tokens",
                context: "tokenizer.ggml.token_type")
        }
        guard metadata.tokens.count < Int32.max else {
            throw TokenizerError(
                code: .malformed, message: "more than \(Int32.max) tokens", context: "tokenizer.ggml.tokens")
        }
        var parts = TokenizerParts()
        var addsBeginOfSequence = metadata.addsBeginOfSequence ?? false
        let pattern: String
        switch metadata.preTokenizer {
        case "gpt-2", "smollm":
            pattern = PreTokenizer.gpt2Pattern
        case "llama-bpe", "llama3", "llama-v3":
            pattern = PreTokenizer.llama3Pattern
            parts.ignoresMerges = true
            addsBeginOfSequence = metadata.addsBeginOfSequence ?? true
        case "qwen2":
            pattern = PreTokenizer.qwen2Pattern
            parts.normalizers = [.nfc]
        case let name:
            throw TokenizerError(
                code: .unsupported,
                message:
                    "the pre-tokenizer \"\(name ?? "(none)")\" is not supported; expected gpt-2, llama-bpe, "
                    + "qwen2 or smollm",
                context: "tokenizer.ggml.pre")
        }
        if metadata.preTokenizer == "smollm" {
            parts.preTokenizerSteps.append(try .digits(individually: true))
        }
        if metadata.addsSpacePrefix == true { parts.preTokenizerSteps.append(.prefixSpace) }
        parts.preTokenizerSteps.append(try .split(onigurumaPattern: pattern, behavior: .isolated))

        parts.vocabulary = metadata.tokens.enumerated().map { ($1, Int32($0)) }
        for (id, type) in metadata.tokenTypes.enumerated() {
            switch type {
            case 1, 5: break
            case 2, 3, 4:
                parts.addedTokens.append(
                    AddedToken(id: Int32(id), content: metadata.tokens[id], isSpecial: type != 4))
            default:
                throw TokenizerError(
                    code: .unsupported,
                    message:
                        "token \(id) (\"\(metadata.tokens[id])\") has type \(type), which byte-level BPE has not",
                    context: "tokenizer.ggml.token_type")
            }
        }
        for (index, line) in metadata.merges.enumerated() {
            parts.merges.append(try TokenizerParts.mergePair(line, index: index))
        }
        func checked(_ id: Int?, _ key: String) throws(TokenizerError) -> Int32? {
            guard let id else { return nil }
            guard metadata.tokens.indices.contains(id) else {
                throw TokenizerError(
                    code: .malformed,
                    message: "id \(id) is outside the vocabulary of \(metadata.tokens.count)",
                    context: "tokenizer.ggml.\(key)")
            }
            return Int32(id)
        }
        parts.bosTokenID = try checked(metadata.bosTokenID, "bos_token_id")
        parts.eosTokenID = try checked(metadata.eosTokenID, "eos_token_id")
        parts.padTokenID = try checked(metadata.padTokenID, "padding_token_id")
        parts.endTokenIDs = [try checked(metadata.endOfTurnTokenID, "eot_token_id")].compactMap { $0 }
        if addsBeginOfSequence, let bos = parts.bosTokenID { parts.prefixIDs = [bos] }
        if metadata.addsEndOfSequence == true, let eos = parts.eosTokenID { parts.suffixIDs = [eos] }
        parts.chatTemplateText = metadata.chatTemplate
        try self.init(parts: parts)
    }
}

extension TokenizerParts {
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
