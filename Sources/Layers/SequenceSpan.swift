/// Where the sequences of a micro-batch lie and at which position each starts.
public struct SequenceSpan: Sendable, Equatable {
    /// Its rows in the activations.
    public let rows: Range<Int>
    /// Rotary position of its first token: the tokens of its prefixes, or what a cache holds already.
    public let firstPosition: Int
    /// Rows of the sequences it continues, outermost first.
    public let prefixes: [Range<Int>]

    public init(rows: Range<Int>, firstPosition: Int = 0, prefixes: [Range<Int>] = []) {
        self.rows = rows
        self.firstPosition = firstPosition
        self.prefixes = prefixes
    }

    /// Positions it reaches: one more than that of its last token.
    public var positionCount: Int { firstPosition + rows.count }
}
