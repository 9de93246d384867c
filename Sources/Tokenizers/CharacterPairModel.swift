/// A byte-pair encoding that begins with characters, as SentencePiece's: characters that are no token become the
/// tokens of their bytes.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `models/bpe/model.rs`; google/sentencepiece 0.1.97, `bpe_model.cc`.
struct CharacterPairModel: SubwordModel {
    let idsByName: ByteStringTable
    let mayCutBeforeSpaces: Bool
    private let idsByText: ByteStringTable
    private let idsOfASCII: [Int32]
    private let merges: MergeTable
    /// Ids of the bytes' tokens, or -1.
    private let idsOfBytes: [Int32]
    private let unknownToken: BytePairModel.UnknownToken?

    /// What is merged, in which order.
    enum Merges {
        /// Pairs of names, best first.
        case pairs([(left: String, right: String)])
        /// Any two neighbours that are a token together; the highest score first, the leftmost of equals.
        ///
        /// One for each token of the vocabulary; nil for tokens that are never merged to.
        case scores([Float?])
    }

    /// - Parameters:
    ///   - usesMetaSpaces: whether `▁` in names is a space.
    ///   - hasByteFallback: whether unknown characters become their bytes' tokens.
    /// - Throws: ``TokenizerError`` with code `.malformed` or `.unsupported`, naming the token or merge.
    init(
        vocabulary: [(name: String, id: Int32)], merges description: Merges, usesMetaSpaces: Bool,
        hasByteFallback: Bool, unknownToken: BytePairModel.UnknownToken?
    ) throws(TokenizerError) {
        let index = try VocabularyIndex(vocabulary, usesMetaSpaces: usesMetaSpaces)
        idsByName = index.idsByName
        idsByText = index.idsByText
        idsOfASCII = (0..<128).map { index.idsByText[[UInt8($0)]] ?? -1 }
        idsOfBytes =
            hasByteFallback ? ByteToken.ids(in: index.idsByName) : [Int32](repeating: -1, count: 256)
        self.unknownToken = unknownToken
        switch description {
        case .pairs(let pairs): merges = try Self.table(pairs, index.idsByName)
        case .scores(let scores): merges = try Self.table(scores, vocabulary, index)
        }
        mayCutBeforeSpaces = usesMetaSpaces && index.isSpaceAToken && !index.crossesWords
    }

    private static func table(
        _ pairs: [(left: String, right: String)], _ names: ByteStringTable
    ) throws(TokenizerError) -> MergeTable {
        var table = MergeTable(capacity: pairs.count)
        for (index, pair) in pairs.enumerated() {
            guard let left = names[pair.left], let right = names[pair.right],
                let result = names[pair.left + pair.right]
            else {
                throw TokenizerError(
                    code: .malformed,
                    message:
                        "merge \(index) (\"\(pair.left)\" with \"\(pair.right)\") needs a token that is not in "
                        + "the vocabulary; is the file complete?")
            }
            table.set(
                left: left, right: right, to: MergeTable.Merge(priority: Int32(index), result: result))
        }
        return table
    }

    /// Finding all ways to put a token together costs the square of its length.
    private static let longestMergedByteCount = 256

    /// Every way to put a token together from two others.
    private static func table(
        _ scores: [Float?], _ vocabulary: [(name: String, id: Int32)], _ index: VocabularyIndex
    ) throws(TokenizerError) -> MergeTable {
        var ranks: [Float: Int32] = [:]
        for (rank, score) in Set(scores.compactMap { $0 }).sorted(by: >).enumerated() {
            ranks[score] = Int32(rank)
        }
        var merges: [(left: Int32, right: Int32, merge: MergeTable.Merge)] = []
        for (token, score) in zip(vocabulary, scores) {
            guard let score, let rank = ranks[score],
                let key = index.key(ofName: token.name), index.idsByText[key] == token.id
            else { continue }
            guard key.count <= longestMergedByteCount else {
                throw TokenizerError(
                    code: .unsupported,
                    message: "token \(token.id) has \(key.count) bytes, more than \(longestMergedByteCount)")
            }
            for middle in key.indices.dropFirst() where key[middle] & 0xC0 != 0x80 {
                if let left = index.idsByText.value(of: key, range: 0..<middle),
                    let right = index.idsByText.value(of: key, range: middle..<key.count)
                {
                    merges.append((left, right, MergeTable.Merge(priority: rank, result: token.id)))
                }
            }
        }
        var table = MergeTable(capacity: merges.count)
        for merge in merges { table.set(left: merge.left, right: merge.right, to: merge.merge) }
        return table
    }

    func appendIDs(
        ofWord range: Range<Int>, in text: [UInt8], merger: inout WordMerger, to output: inout [Int32]
    ) throws(TokenizerError) {
        guard range.count < Int32.max else {
            throw TokenizerError(
                code: .textTooLarge,
                message: "a text of \(range.count) bytes is longer than \(Int32.max); split it")
        }
        var symbols: [Int32] = []
        symbols.reserveCapacity(range.count)
        // An unknown token waits for the next known character, as in Hugging Face `tokenizers`: the bytes of other
        // characters may come before it.
        var unknownCount = 0
        func flush(_ symbols: inout [Int32]) {
            if unknownCount > 0, let unknownToken {
                for _ in 0..<(unknownToken.isFused ? 1 : unknownCount) { symbols.append(unknownToken.id) }
            }
            unknownCount = 0
        }
        var position = range.lowerBound
        while position < range.upperBound {
            let character = Self.character(of: text, at: position, in: range)
            position = character.upperBound
            if let id = id(of: character, in: text) {
                flush(&symbols)
                symbols.append(id)
            } else if character.allSatisfy({ idsOfBytes[Int(text[$0])] >= 0 }) {
                symbols += character.map { idsOfBytes[Int(text[$0])] }
            } else {
                if unknownToken?.isFused == false { flush(&symbols) }
                unknownCount += 1
            }
        }
        flush(&symbols)
        merger.merge(&symbols, with: merges)
        output += symbols
    }

    private func id(of character: Range<Int>, in text: [UInt8]) -> Int32? {
        if character.count == 1 {
            let id = idsOfASCII[Int(text[character.lowerBound] & 0x7F)]
            return id >= 0 ? id : nil
        }
        return idsByText.value(of: text, range: character)
    }

    static func character(of text: [UInt8], at start: Int, in range: Range<Int>) -> Range<Int> {
        var end = start + 1
        while end < range.upperBound && text[end] & 0xC0 == 0x80 { end += 1 }
        return start..<end
    }

    func ranges(
        ofTokens ids: ArraySlice<Int32>, word: Range<Int>, in text: [UInt8], table: TokenTable
    ) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var position = word.lowerBound
        func isUnknown(_ position: Int) -> Bool {
            let character = Self.character(of: text, at: position, in: word)
            return id(of: character, in: text) == nil
                && !character.allSatisfy { idsOfBytes[Int(text[$0])] >= 0 }
        }
        for id in ids {
            let start = position
            if let unknownToken, unknownToken.id == id, position < word.upperBound, isUnknown(position) {
                repeat {
                    position = Self.character(of: text, at: position, in: word).upperBound
                } while unknownToken.isFused && position < word.upperBound && isUnknown(position)
            } else {
                while unknownToken == nil, position < word.upperBound, isUnknown(position) {
                    position = Self.character(of: text, at: position, in: word).upperBound
                }
                position = min(word.upperBound, position + table.byteCount(of: id))
            }
            ranges.append(start..<position)
        }
        if let last = ranges.popLast() { ranges.append(last.lowerBound..<word.upperBound) }
        return ranges
    }

    func describe(to output: inout CanonicalWriter) {
        output.add("pairs of characters")
        output.add(merges.count)
        for entry in merges.entries {
            output.add(Int(entry.left))
            output.add(Int(entry.right))
            output.add(Int(entry.merge.priority))
            output.add(Int(entry.merge.result))
        }
        output.add(idsOfBytes.map(String.init).joined(separator: " "))
        output.add(unknownToken.map { "unknown \($0.id) \($0.isFused)" } ?? "unknown left out")
    }
}
