/// The stages all tokenizers here share, with a model of subwords at the end.
///
/// A text goes through: added tokens found in the text itself; normalisation; added tokens found in the
/// normalised text; splitting into words; the model, which makes each word tokens.
final class PipelineTokenizer: Tokenizer {
    let model: any SubwordModel
    let normalizers: [Normalizer]
    let preTokenizer: PreTokenizer
    /// Ids put before and after a text when special tokens are asked for.
    let prefixIDs: [Int32]
    let suffixIDs: [Int32]
    let rawMatcher: AddedTokenMatcher
    let normalizedMatcher: AddedTokenMatcher
    let tokenTable: TokenTable
    let scratches = EncodingScratchPool()

    let decodingRule: DecodingRule
    let addedTokens: [AddedToken]
    let bosTokenID: Int32?
    let eosTokenID: Int32?
    let padTokenID: Int32?
    let endTokenIDs: [Int32]
    let chatTemplateText: String?

    /// Assembles a tokenizer from its parts; ids of parts are known to lie in the vocabulary.
    init(parts: TokenizerParts) throws(TokenizerError) {
        model = try parts.makeModel()
        decodingRule = parts.decodingRule
        normalizers = parts.normalizers
        preTokenizer = PreTokenizer(
            steps: parts.preTokenizerSteps + (model.mayCutBeforeSpaces ? [.beforeSpaces] : []))
        prefixIDs = parts.prefixIDs
        suffixIDs = parts.suffixIDs
        addedTokens = parts.addedTokens.sorted { $0.id < $1.id }
        tokenTable = try TokenTable(
            vocabulary: parts.vocabulary, addedTokens: addedTokens, decodingRule: parts.decodingRule)
        let raw = addedTokens.filter { !$0.isNormalized }
        rawMatcher = AddedTokenMatcher(tokens: raw, contents: raw.map { Array($0.content.utf8) })
        let normalized = addedTokens.filter(\.isNormalized)
        normalizedMatcher = AddedTokenMatcher(
            tokens: normalized,
            contents: try normalized.map { token throws(TokenizerError) in
                try parts.normalizers.apply(to: Array(token.content.utf8))
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

    var vocabularyCount: Int { tokenTable.count }

    var addsBeginOfSequence: Bool { bosTokenID != nil && prefixIDs.first == bosTokenID }

    func token(ofID id: Int32) -> String? { tokenTable.name(of: id) }

    func id(ofToken token: String) -> Int32? {
        addedTokens.first { $0.content.utf8.elementsEqual(token.utf8) }?.id ?? model.idsByName[token]
    }

    func bytes(ofToken id: Int32) -> [UInt8]? { tokenTable.bytes(of: id) }

    func isSpecialToken(_ id: Int32) -> Bool { tokenTable.isSpecial(id) }

    func encode(_ text: String, addSpecialTokens: Bool) throws(TokenizerError) -> [Int32] {
        try encodeValidUTF8(Array(text.utf8), addSpecialTokens: addSpecialTokens)
    }

    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        guard decodingRule == .bytes else {
            var decoder = StreamingDecoder(tokenizer: self, skipSpecialTokens: skipSpecialTokens)
            return ids.reduce(into: "") { $0 += decoder.append($1) } + decoder.finish()
        }
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
                    try encodeNormalized(
                        text, piece.range, isFirst: piece.range.lowerBound == 0, scratch, &ids)
                } else {
                    let normalized = try normalizers.apply(to: Array(text[piece.range]))
                    try encodeNormalized(
                        normalized, normalized.indices, isFirst: piece.range.lowerBound == 0, scratch, &ids)
                }
            }
            if addSpecialTokens { ids += suffixIDs }
            return ids
        }
    }

    private func encodeNormalized(
        _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) throws(TokenizerError) {
        for piece in normalizedMatcher.split(text, range: range) {
            if let id = piece.id {
                ids.append(id)
                continue
            }
            try preTokenizer.forEachWord(
                of: text, range: piece.range, isFirst: isFirst && piece.range.lowerBound == range.lowerBound,
                memory: scratch.memory
            ) {
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
