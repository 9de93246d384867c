import Tensors

/// The tokens of one example, or of one piece of a long text, with what the loss looks at.
public struct TrainingSequence: Sendable, Equatable {
    /// [T] vocabulary ids.
    public var tokenIDs: [Int32]
    /// [T] what the loss asks of token n: the id that should follow it, the one that was masked, or the text's class;
    /// `MicroBatch.noTarget` where it asks nothing.
    public var targets: [Int32]
    /// The row it was made of.
    public var exampleID: UInt32
    /// Position of its first token in the example; 0 unless a long text was split.
    public var exampleOffset: UInt32
    /// Targets that are not `MicroBatch.noTarget`.
    public var supervisedTokenCount: Int

    /// - Parameter supervised: [T] whether each token should be learnt. The first cannot be: nothing predicts it.
    /// - Precondition: `supervised.count == tokenIDs.count`.
    public init(tokenIDs: [Int32], supervised: [Bool], exampleID: UInt32, exampleOffset: UInt32 = 0) {
        precondition(
            supervised.count == tokenIDs.count, "\(supervised.count) flags, \(tokenIDs.count) tokens")
        var targets = [Int32](repeating: MicroBatch.noTarget, count: tokenIDs.count)
        var count = 0
        for index in tokenIDs.indices.dropFirst() where supervised[index] {
            targets[index - 1] = tokenIDs[index]
            count += 1
        }
        self.tokenIDs = tokenIDs
        self.targets = targets
        self.exampleID = exampleID
        self.exampleOffset = exampleOffset
        supervisedTokenCount = count
    }

    /// A sequence whose targets are given one by one.
    ///
    /// - Precondition: `targets.count == tokenIDs.count`.
    public init(tokenIDs: [Int32], targets: [Int32], exampleID: UInt32, exampleOffset: UInt32 = 0) {
        precondition(targets.count == tokenIDs.count, "\(targets.count) targets, \(tokenIDs.count) tokens")
        self.tokenIDs = tokenIDs
        self.targets = targets
        self.exampleID = exampleID
        self.exampleOffset = exampleOffset
        supervisedTokenCount = targets.count { $0 != MicroBatch.noTarget }
    }
}

/// The sequences of one row, and what was cut from it.
public struct Example: Sendable, Equatable {
    /// The row's number in its ``Dataset``.
    public var id: UInt32
    /// One sequence, or the pieces of a long text.
    public var sequences: [TrainingSequence]
    /// Tokens cut from the left of the prompt.
    public var promptTokensCut: Int
    /// Tokens cut from the right of the completion.
    public var completionTokensCut: Int

    public init(
        id: UInt32, sequences: [TrainingSequence], promptTokensCut: Int = 0, completionTokensCut: Int = 0
    ) {
        self.id = id
        self.sequences = sequences
        self.promptTokensCut = promptTokensCut
        self.completionTokensCut = completionTokensCut
    }

    /// Tokens of all its sequences.
    public var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokenIDs.count } }
    /// Supervised tokens of all its sequences.
    public var supervisedTokenCount: Int { sequences.reduce(0) { $0 + $1.supervisedTokenCount } }
}
