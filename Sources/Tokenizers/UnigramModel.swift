/// SentencePiece's unigram model: of all ways to cut a word into tokens, the one with the greatest sum of scores.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `models/unigram/model.rs`, `encode_optimized`.
struct UnigramModel: SubwordModel {
    let idsByName: ByteStringTable
    let mayCutBeforeSpaces: Bool
    private let trie: ByteTrie
    /// By id.
    private let scores: [Double]
    private let unknownScore: Double
    private let unknownID: Int32?
    private let idsOfBytes: [Int32]?

    /// An unknown character costs this much more than the worst token (SentencePiece's kUnkPenalty).
    private static let unknownPenalty = 10.0

    /// - Parameters:
    ///   - scores: of each token of the vocabulary, whose ids are 0, 1, 2 ….
    ///   - unknownID: what stands for unknown characters; without one they are an error.
    /// - Throws: ``TokenizerError`` with code `.malformed` or `.unsupported`.
    init(
        vocabulary: [(name: String, id: Int32)], scores: [Double], unknownID: Int32?, usesMetaSpaces: Bool,
        hasByteFallback: Bool
    ) throws(TokenizerError) {
        let index = try VocabularyIndex(vocabulary, usesMetaSpaces: usesMetaSpaces)
        guard scores.allSatisfy(\.isFinite), let lowest = scores.min() else {
            throw TokenizerError(code: .malformed, message: "a score of the vocabulary is not a number")
        }
        guard unknownID.map({ scores.indices.contains(Int($0)) }) ?? true else {
            throw TokenizerError(code: .malformed, message: "unk_id is outside the vocabulary")
        }
        idsByName = index.idsByName
        var texts: [(key: [UInt8], value: Int32)] = []
        for (name, id) in vocabulary {
            if let key = index.key(ofName: name), !key.isEmpty { texts.append((key, id)) }
        }
        trie = try ByteTrie(texts)
        self.scores = scores
        self.unknownID = unknownID
        unknownScore = lowest - Self.unknownPenalty
        let bytes = ByteToken.ids(in: index.idsByName)
        idsOfBytes = hasByteFallback && !bytes.contains(-1) ? bytes : nil
        mayCutBeforeSpaces = usesMetaSpaces && index.isSpaceAToken && !index.crossesWords
    }

    private struct Step {
        var start = -1
        var score = 0.0
        var id: Int32 = -1
    }

    /// The tokens of a word with their bytes; several have the same bytes where a character became its bytes.
    private func tokens(
        ofWord range: Range<Int>, in text: [UInt8]
    ) throws(TokenizerError) -> [(id: Int32, range: Range<Int>)] {
        var steps = [Step](repeating: Step(), count: range.count + 1)
        var position = range.lowerBound
        while position < range.upperBound {
            let soFar = steps[position - range.lowerBound].score
            let next = CharacterPairModel.character(of: text, at: position, in: range).upperBound
            var hasCharacter = false
            func offer(_ end: Int, _ id: Int32, _ score: Double) {
                let place = end - range.lowerBound
                if steps[place].start < 0 || score > steps[place].score {
                    steps[place] = Step(start: position, score: score, id: id)
                }
            }
            trie.forEachPrefix(of: text, range: position..<range.upperBound) { end, id in
                hasCharacter = hasCharacter || end == next
                offer(end, id, scores[Int(id)] + soFar)
            }
            if !hasCharacter { offer(next, -1, unknownScore + soFar) }
            position = next
        }
        var reversed: [(id: Int32, range: Range<Int>)] = []
        var end = range.upperBound
        while end > range.lowerBound {
            let step = steps[end - range.lowerBound]
            let isUnknown = step.id < 0 || step.id == unknownID
            // Neighbouring unknown characters become one token.
            if isUnknown, let last = reversed.last, last.id == -1 {
                reversed[reversed.count - 1].range = step.start..<last.range.upperBound
            } else {
                reversed.append((isUnknown ? -1 : step.id, step.start..<end))
            }
            end = step.start
        }
        var result: [(id: Int32, range: Range<Int>)] = []
        result.reserveCapacity(reversed.count)
        for token in reversed.reversed() {
            if token.id >= 0 {
                result.append(token)
            } else if let id = id(ofText: token.range, in: text) {
                // The unknown token's own name, written out.
                result.append((id, token.range))
            } else if let idsOfBytes {
                for place in token.range { result.append((idsOfBytes[Int(text[place])], place..<place + 1)) }
            } else if let unknownID {
                result.append((unknownID, token.range))
            } else {
                throw TokenizerError(
                    code: .patternFailed,
                    message:
                        "the text has characters that are not in the vocabulary, which has no unknown token")
            }
        }
        return result
    }

    private func id(ofText range: Range<Int>, in text: [UInt8]) -> Int32? {
        trie.longestPrefix(of: text, range: range).flatMap { $0.end == range.upperBound ? $0.value : nil }
    }

    func appendIDs(
        ofWord range: Range<Int>, in text: [UInt8], merger: inout WordMerger, to output: inout [Int32]
    ) throws(TokenizerError) {
        for token in try tokens(ofWord: range, in: text) { output.append(token.id) }
    }

    func ranges(
        ofTokens ids: ArraySlice<Int32>, word: Range<Int>, in text: [UInt8], table: TokenTable
    ) throws(TokenizerError) -> [Range<Int>] {
        try tokens(ofWord: word, in: text).map(\.range)
    }

    func describe(to output: inout CanonicalWriter) {
        output.add("unigrams")
        output.add(scores.map { String($0.bitPattern, radix: 16) }.joined(separator: " "))
        output.add("unknown \(unknownID ?? -1)")
        output.add((idsOfBytes ?? []).map(String.init).joined(separator: " "))
    }
}
