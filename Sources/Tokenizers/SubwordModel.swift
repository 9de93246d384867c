/// Turns one word into tokens: the last stage of a ``PipelineTokenizer``.
protocol SubwordModel: Sendable {
    /// Ids by the token's name in the vocabulary.
    var idsByName: ByteStringTable { get }

    /// Whether words may be cut before each space that follows another character, since no token crosses there.
    var mayCutBeforeSpaces: Bool { get }

    /// Appends the ids of one word: `range` of `text`, which is valid UTF-8.
    ///
    /// - Throws: ``TokenizerError`` with code `.textTooLarge` for a word of 2³¹ bytes or more.
    func appendIDs(
        ofWord range: Range<Int>, in text: [UInt8], merger: inout WordMerger, to output: inout [Int32]
    ) throws(TokenizerError)

    /// Which bytes of a word each of its tokens stands for: `ids` are what
    /// ``appendIDs(ofWord:in:merger:to:)`` gave.
    ///
    /// Bytes that were left out belong to the token after them, or to the last one.
    func ranges(
        ofTokens ids: ArraySlice<Int32>, word: Range<Int>, in text: [UInt8], table: TokenTable
    ) throws(TokenizerError) -> [Range<Int>]

    /// Writes what decides ids besides the vocabulary.
    func describe(to output: inout CanonicalWriter)
}

extension SubwordModel {
    var mayCutBeforeSpaces: Bool { false }
}

/// Writes fields so that no two sequences of fields give the same bytes.
struct CanonicalWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ number: Int) {
        bytes += String(number).utf8
        bytes.append(UInt8(ascii: "\n"))
    }

    mutating func add(_ text: String) { add(Array(text.utf8)) }

    mutating func add(_ field: [UInt8]) {
        add(field.count)
        bytes += field
        bytes.append(UInt8(ascii: "\n"))
    }
}
