/// BERT's WordPiece: from left to right the longest token; a word that cannot be spelled is one unknown token.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `models/wordpiece/mod.rs`.
struct WordPieceModel: SubwordModel {
    /// What `tokenizer.json` says besides the vocabulary.
    struct Options: Sendable, Equatable {
        var unknownToken = "[UNK]"
        /// What begins the names of tokens inside a word.
        var continuationPrefix = "##"
        /// A longer word is unknown.
        var longestWordCharacterCount = 100
    }

    let idsByName: ByteStringTable
    private let options: Options
    private let unknownID: Int32
    private let beginnings: ByteTrie
    private let continuations: ByteTrie

    /// - Throws: ``TokenizerError`` with code `.malformed` when the unknown token is missing.
    init(vocabulary: [(name: String, id: Int32)], options: Options) throws(TokenizerError) {
        let index = try VocabularyIndex(vocabulary, usesMetaSpaces: false)
        guard let unknownID = index.idsByName[options.unknownToken] else {
            throw TokenizerError(
                code: .malformed,
                message: "the unknown token \"\(options.unknownToken.prefix(80))\" is not in the vocabulary")
        }
        idsByName = index.idsByName
        self.options = options
        self.unknownID = unknownID
        let prefix = Array(options.continuationPrefix.utf8)
        var first: [(key: [UInt8], value: Int32)] = []
        var later: [(key: [UInt8], value: Int32)] = []
        for (name, id) in vocabulary where !name.isEmpty {
            let key = Array(name.utf8)
            first.append((key, id))
            if key.starts(with: prefix), key.count > prefix.count {
                later.append((Array(key.dropFirst(prefix.count)), id))
            }
        }
        beginnings = try ByteTrie(first)
        continuations = try ByteTrie(later)
    }

    private func tokens(ofWord range: Range<Int>, in text: [UInt8]) -> [(id: Int32, range: Range<Int>)] {
        var characters = 0
        for position in range where text[position] & 0xC0 != 0x80 { characters += 1 }
        var result: [(id: Int32, range: Range<Int>)] = []
        var position = range.lowerBound
        while position < range.upperBound, characters <= options.longestWordCharacterCount {
            let trie = position == range.lowerBound ? beginnings : continuations
            guard let match = trie.longestPrefix(of: text, range: position..<range.upperBound) else { break }
            result.append((match.value, position..<match.end))
            position = match.end
        }
        return position == range.upperBound ? result : [(unknownID, range)]
    }

    func appendIDs(
        ofWord range: Range<Int>, in text: [UInt8], merger: inout WordMerger, to output: inout [Int32]
    ) {
        for token in tokens(ofWord: range, in: text) { output.append(token.id) }
    }

    func ranges(
        ofTokens ids: ArraySlice<Int32>, word: Range<Int>, in text: [UInt8], table: TokenTable
    ) -> [Range<Int>] {
        tokens(ofWord: word, in: text).map(\.range)
    }

    func describe(to output: inout CanonicalWriter) {
        output.add("word pieces")
        output.add(Int(unknownID))
        output.add(options.continuationPrefix)
        output.add(options.longestWordCharacterCount)
    }
}
