/// The unit of work: packed sequences that one compute thread takes forward and backward.
///
/// Attention never crosses a sequence boundary. N is the number of tokens.
public struct MicroBatch: Sendable, Equatable {
    /// One packed sequence.
    public struct Sequence: Sendable, Equatable {
        /// Index of its first token in ``MicroBatch/tokenIDs``.
        public var start: Int
        /// Number of tokens.
        public var count: Int
        /// Row of the dataset it was made of; part of the counters of dropout.
        public var exampleID: UInt32
        /// Position of its first token in its example (0 unless a long text was split); part of the counters
        /// of dropout. Rotary positions always start at 0, or behind the prefix where there is one.
        public var exampleOffset: UInt32
        /// Index (in ``MicroBatch/sequences``) of an earlier sequence that this one continues: positions go on
        /// behind it and attention sees all of it. Evaluation only, so that the completions of one prompt share
        /// its forward pass.
        public var prefix: Int?

        public init(start: Int, count: Int, exampleID: UInt32, exampleOffset: UInt32 = 0, prefix: Int? = nil)
        {
            self.start = start
            self.count = count
            self.exampleID = exampleID
            self.exampleOffset = exampleOffset
            self.prefix = prefix
        }

        /// Its tokens.
        public var range: Range<Int> { start..<start + count }
    }

    /// [N] vocabulary ids.
    public var tokenIDs: [Int32]
    /// [N] the id that should follow token n, or ``noTarget`` where the loss does not look.
    public var targets: [Int32]
    /// The sequences, in order, covering all tokens.
    public var sequences: [Sequence]

    /// The target of a token that has none.
    public static let noTarget: Int32 = -1

    public init(tokenIDs: [Int32] = [], targets: [Int32] = [], sequences: [Sequence] = []) {
        self.tokenIDs = tokenIDs
        self.targets = targets
        self.sequences = sequences
    }

    /// N
    public var tokenCount: Int { tokenIDs.count }
    /// Tokens with a target.
    public var supervisedTokenCount: Int { targets.reduce(0) { $0 + ($1 == Self.noTarget ? 0 : 1) } }

    /// Tokens of `sequence`, which lies within this, up to the last that has a target; 0 when none has.
    public func tokenCountToLastTarget(of sequence: Sequence) -> Int {
        targets[sequence.range].lastIndex { $0 != Self.noTarget }.map { $0 + 1 - sequence.start } ?? 0
    }

    /// ``tokenCountToLastTarget(of:)`` of all sequences together.
    public var tokenCountToLastTargets: Int {
        sequences.reduce(0) { $0 + tokenCountToLastTarget(of: $1) }
    }

    /// The sequences of several micro-batches one after the other.
    public init(joining batches: [MicroBatch]) {
        guard batches.count != 1 else {
            self = batches[0]
            return
        }
        self.init()
        for batch in batches {
            let (tokens, first) = (tokenIDs.count, sequences.count)
            tokenIDs += batch.tokenIDs
            targets += batch.targets
            sequences += batch.sequences.map { sequence in
                var moved = sequence
                moved.start += tokens
                moved.prefix = sequence.prefix.map { $0 + first }
                return moved
            }
        }
    }
}
