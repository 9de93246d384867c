/// A byte-level byte-pair encoding, as GPT-2, Llama 3, Qwen 2 and SmolLM use.
///
/// A text goes through: added tokens found in the text itself; normalisation; added tokens found in the
/// normalised text; splitting into words; merging each word's bytes.
public final class ByteLevelBPETokenizer: Tokenizer {
    let model: BytePairModel
    let normalizers: [Normalizer]
    let preTokenizer: PreTokenizer
    /// Ids put before and after a text when special tokens are asked for.
    let prefixIDs: [Int32]
    let suffixIDs: [Int32]
    let rawMatcher: AddedTokenMatcher
    let normalizedMatcher: AddedTokenMatcher
    let tokenTable: TokenTable
    let scratches = EncodingScratchPool()

    public let addedTokens: [AddedToken]
    public let bosTokenID: Int32?
    public let eosTokenID: Int32?
    public let padTokenID: Int32?
    public let endTokenIDs: [Int32]
    public let chatTemplateText: String?

    /// Assembles a tokenizer from its parts; ids of parts are known to lie in the vocabulary.
    init(parts: TokenizerParts) throws(TokenizerError) {
        model = try BytePairModel(
            vocabulary: parts.vocabulary, merges: parts.merges, ignoresMerges: parts.ignoresMerges,
            unknownToken: parts.unknownToken)
        normalizers = parts.normalizers
        preTokenizer = PreTokenizer(steps: parts.preTokenizerSteps)
        prefixIDs = parts.prefixIDs
        suffixIDs = parts.suffixIDs
        addedTokens = parts.addedTokens.sorted { $0.id < $1.id }
        tokenTable = try TokenTable(vocabulary: parts.vocabulary, addedTokens: addedTokens)
        let raw = addedTokens.filter { !$0.isNormalized }
        rawMatcher = AddedTokenMatcher(tokens: raw, contents: raw.map { Array($0.content.utf8) })
        let normalized = addedTokens.filter(\.isNormalized)
        normalizedMatcher = AddedTokenMatcher(
            tokens: normalized,
            contents: normalized.map { token in
                parts.normalizers.reduce(Array(token.content.utf8)) { $1.apply(to: $0) }
            })
        bosTokenID = parts.bosTokenID
        eosTokenID = parts.eosTokenID
        padTokenID = parts.padTokenID
        endTokenIDs = Set(parts.endTokenIDs + [parts.eosTokenID].compactMap { $0 }).sorted()
        chatTemplateText = parts.chatTemplateText
        var idsOfContents = ByteStringTable(capacity: addedTokens.count)
        for token in addedTokens {
            let content = Array(token.content.utf8)
            for known in [model.idsByName[content], idsOfContents.insert(content, value: token.id)] {
                if let known, known != token.id {
                    throw TokenizerError(
                        code: .malformed, message: "\"\(token.content)\" has the ids \(known) and \(token.id)"
                    )
                }
            }
        }
        for id in prefixIDs + suffixIDs + endTokenIDs + [bosTokenID, padTokenID].compactMap({ $0 })
        where tokenTable.bytes(of: id) == nil {
            throw TokenizerError(
                code: .malformed,
                message: "the special token id \(id) is outside the vocabulary of \(vocabularyCount)")
        }
    }

    public var vocabularyCount: Int { tokenTable.count }

    public var addsBeginOfSequence: Bool { bosTokenID != nil && prefixIDs.first == bosTokenID }

    public func token(ofID id: Int32) -> String? { tokenTable.name(of: id) }

    public func id(ofToken token: String) -> Int32? {
        addedTokens.first { $0.content.utf8.elementsEqual(token.utf8) }?.id ?? model.idsByName[token]
    }

    public func bytes(ofToken id: Int32) -> [UInt8]? { tokenTable.bytes(of: id) }

    public func isSpecialToken(_ id: Int32) -> Bool { tokenTable.isSpecial(id) }

    public func encode(_ text: String, addSpecialTokens: Bool) throws(TokenizerError) -> [Int32] {
        try encodeValidUTF8(Array(text.utf8), addSpecialTokens: addSpecialTokens)
    }

    public func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        var bytes: [UInt8] = []
        for id in ids where !(skipSpecialTokens && tokenTable.isSpecial(id)) {
            tokenTable.appendBytes(of: id, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func encodeValidUTF8(_ text: [UInt8], addSpecialTokens: Bool) throws(TokenizerError) -> [Int32] {
        try scratches.withScratch { scratch throws(TokenizerError) in
            // English prose has about 4.5 bytes a token.
            var ids = addSpecialTokens ? prefixIDs : []
            ids.reserveCapacity(ids.count + text.count / 4 + 8)
            for piece in rawMatcher.split(text, range: text.indices) {
                if let id = piece.id {
                    ids.append(id)
                } else if normalizers.isEmpty {
                    try encodeNormalized(text, piece.range, scratch, &ids)
                } else {
                    let normalized = normalize(text[piece.range])
                    try encodeNormalized(normalized, normalized.indices, scratch, &ids)
                }
            }
            if addSpecialTokens { ids += suffixIDs }
            return ids
        }
    }

    func normalize(_ text: ArraySlice<UInt8>) -> [UInt8] {
        normalizers.reduce(Array(text)) { $1.apply(to: $0) }
    }

    private func encodeNormalized(
        _ text: [UInt8], _ range: Range<Int>, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) throws(TokenizerError) {
        for piece in normalizedMatcher.split(text, range: range) {
            if let id = piece.id {
                ids.append(id)
                continue
            }
            try preTokenizer.forEachWord(of: text, range: piece.range, memory: scratch.memory) {
                text, word, _ throws(TokenizerError) in
                try encodeWord(text, word, scratch, &ids)
            }
        }
    }

    func encodeWord(
        _ text: [UInt8], _ word: Range<Int>, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) throws(TokenizerError) {
        guard word.count <= WordCache.longestWordByteCount else {
            return try model.appendIDs(ofWord: word, in: text, merger: &scratch.merger, to: &ids)
        }
        let hash = WordCache.hash(text, word)
        if scratch.cache.appendIDs(ofWord: word, in: text, hash: hash, to: &ids) { return }
        let start = ids.count
        try model.appendIDs(ofWord: word, in: text, merger: &scratch.merger, to: &ids)
        scratch.cache.store(ids[start...], ofWord: word, in: text, hash: hash)
    }
}
