/// A vocabulary of byte-level tokens with its merges.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `models/bpe/model.rs`.
struct BytePairModel: SubwordModel {
    /// What stands for a byte whose character is not in the vocabulary.
    struct UnknownToken: Sendable, Equatable {
        let id: Int32
        /// Whether neighbouring unknown bytes become one token.
        let isFused: Bool
    }

    /// Ids by the token's name (`Ġthe`).
    let idsByName: ByteStringTable
    /// Ids by the token's bytes (` the`); only when whole words are looked up before merging.
    let idsByBytes: ByteStringTable?
    let merges: MergeTable
    /// Without one, unknown bytes are left out, as Hugging Face `tokenizers` leaves them out.
    let unknownToken: UnknownToken?
    private let idOfByte: [Int32]

    /// Builds the model.
    ///
    /// - Parameters:
    ///   - vocabulary: names and ids; each at most once.
    ///   - merges: pairs of names in the order of merging.
    ///   - ignoresMerges: whether a word that is a token as a whole is not merged from its bytes.
    /// - Throws: ``TokenizerError`` with code `.malformed` naming the token, id or merge that is wrong.
    init(
        vocabulary: [(name: String, id: Int32)], merges mergePairs: [(left: String, right: String)],
        ignoresMerges: Bool, unknownToken: UnknownToken?
    ) throws(TokenizerError) {
        var names = ByteStringTable(capacity: vocabulary.count)
        var byteStrings = ByteStringTable(capacity: ignoresMerges ? vocabulary.count : 0)
        for (name, id) in vocabulary {
            guard id >= 0 else {
                throw TokenizerError(code: .malformed, message: "token \"\(name)\" has the negative id \(id)")
            }
            guard names.insert(Array(name.utf8), value: id) == nil else {
                throw TokenizerError(
                    code: .malformed, message: "token \"\(name)\" is in the vocabulary twice")
            }
            if ignoresMerges, let bytes = ByteLevelAlphabet.bytes(of: name) {
                byteStrings.insert(bytes, value: id)
            }
        }
        var table = MergeTable(capacity: mergePairs.count)
        for (index, pair) in mergePairs.enumerated() {
            func id(_ name: String) throws(TokenizerError) -> Int32 {
                guard let id = names[name] else {
                    throw TokenizerError(
                        code: .malformed,
                        message: "merge \(index) (\"\(pair.left)\" with \"\(pair.right)\") needs the token "
                            + "\"\(name)\", which is not in the vocabulary; is the file complete?")
                }
                return id
            }
            table.set(
                left: try id(pair.left), right: try id(pair.right),
                to: MergeTable.Merge(priority: Int32(index), result: try id(pair.left + pair.right)))
        }
        idsByName = names
        idsByBytes = ignoresMerges ? byteStrings : nil
        merges = table
        self.unknownToken = unknownToken
        idOfByte = ByteLevelAlphabet.scalars.map { names[String($0)] ?? -1 }
    }

    /// Appends the ids of one word: `range` of `text`.
    ///
    /// - Throws: ``TokenizerError`` with code `.textTooLarge` for a word of 2³¹ bytes or more.
    func appendIDs(
        ofWord range: Range<Int>, in text: [UInt8], merger: inout WordMerger, to output: inout [Int32]
    ) throws(TokenizerError) {
        if let id = idsByBytes?.value(of: text, range: range) {
            output.append(id)
            return
        }
        guard range.count < Int32.max else {
            throw TokenizerError(
                code: .textTooLarge,
                message: "a word of \(range.count) bytes is longer than \(Int32.max); split the text")
        }
        var symbols: [Int32] = []
        symbols.reserveCapacity(range.count)
        var isAfterUnknown = false
        for index in range {
            let id = idOfByte[Int(text[index])]
            if id >= 0 {
                symbols.append(id)
            } else if let unknownToken, !(unknownToken.isFused && isAfterUnknown) {
                symbols.append(unknownToken.id)
            }
            isAfterUnknown = id < 0
        }
        merger.merge(&symbols, with: merges)
        output += symbols
    }

    func ranges(
        ofTokens ids: ArraySlice<Int32>, word: Range<Int>, in text: [UInt8], table: TokenTable
    ) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var position = word.lowerBound
        func isUnknown(_ position: Int) -> Bool { idOfByte[Int(text[position])] < 0 }
        let isWhole = ids.count == 1
        for id in ids {
            let start = position
            if isWhole {
                position = word.upperBound
            } else if let unknownToken, unknownToken.id == id, position < word.upperBound, isUnknown(position)
            {
                repeat {
                    position += 1
                } while unknownToken.isFused && position < word.upperBound && isUnknown(position)
            } else {
                var remaining = table.byteCount(of: id)
                while position < word.upperBound
                    && (remaining > 0 || isUnknown(position) && unknownToken == nil)
                {
                    if !isUnknown(position) { remaining -= 1 }
                    if remaining < 0 { break }
                    position += 1
                }
            }
            ranges.append(start..<position)
        }
        if let last = ranges.popLast() { ranges.append(last.lowerBound..<word.upperBound) }
        return ranges
    }

    func describe(to output: inout CanonicalWriter) {
        output.add("pairs of bytes")
        output.add(merges.count)
        for entry in merges.entries {
            output.add(Int(entry.left))
            output.add(Int(entry.right))
            output.add(Int(entry.merge.result))
        }
        output.add(idsByBytes == nil ? "merges every word" : "takes whole words first")
        output.add(unknownToken.map { "unknown \($0.id) \($0.isFused)" } ?? "unknown left out")
    }
}
