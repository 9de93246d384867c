public import Tensors

/// Σ of the token losses of a micro-batch and how many tokens that was; not a mean.
public struct LossSum: Sendable, Equatable {
    /// Σ −log p(target), in nats, summed in Float64 in token order.
    public var lossSum: Double
    /// Supervised tokens.
    public var tokenCount: Int64

    public init(lossSum: Double = 0, tokenCount: Int64 = 0) {
        self.lossSum = lossSum
        self.tokenCount = tokenCount
    }
}

/// How a model did on one sequence.
public struct SequenceScore: Sendable, Equatable {
    /// Σ −log p(target) over its supervised tokens, in nats.
    public var lossSum: Double
    /// Its supervised tokens.
    public var tokenCount: Int
    /// Supervised tokens whose target is the likeliest id (ties: the lowest id).
    public var greedyMatches: Int
    /// The likeliest class; nil unless the model is a classifier.
    public var predictedClass: Int?

    public init(lossSum: Double, tokenCount: Int, greedyMatches: Int, predictedClass: Int? = nil) {
        self.lossSum = lossSum
        self.tokenCount = tokenCount
        self.greedyMatches = greedyMatches
        self.predictedClass = predictedClass
    }
}

/// Where a training pass is, for the counter-based random numbers of dropout, and how it goes about memory.
public struct TrainingPass: Sendable {
    /// `training.seed`
    public var seed: UInt64
    /// The optimizer step, from 1.
    public var step: UInt32
    /// Changes no bit.
    public var memory: ActivationMemory

    public init(seed: UInt64, step: UInt32, memory: ActivationMemory = ActivationMemory()) {
        self.seed = seed
        self.step = step
        self.memory = memory
    }
}

/// How training trades time for memory; the bits do not depend on it.
public struct ActivationMemory: Sendable {
    /// Whether blocks are computed once more on the way back, instead of keeping what the way forward made of them: less
    /// memory, up to a third more time.
    public var recomputes: Bool
    /// Where what the frozen blocks below the lowest trained one make of a text is kept for its next time.
    public var cache: ActivationCache?

    public init(recomputes: Bool = false, cache: ActivationCache? = nil) {
        self.recomputes = recomputes
        self.cache = cache
    }
}

/// A language model with some trainable parameters (an adapter, or a part of the base).
///
/// The base is shared and read-only. Each compute thread brings a workspace of its own, so any number of
/// threads may call at the same time; every call makes only single-threaded BLAS calls.
public protocol TransformerModel: AnyObject, Sendable {
    /// Scratch memory of one thread: activations, reused from call to call (no allocation once warm).
    associatedtype Workspace: AnyObject

    /// The trainable tensors.
    var trainable: ParameterLayout { get }

    /// A workspace for one thread; grows to the largest micro-batch it meets.
    func makeWorkspace() -> Workspace

    /// Whether ``gradient(of:parameters:into:pass:workspace:)`` takes more than one micro-batch at once: only where
    /// each then has the bits that it has alone.
    var takesSeveralBatches: Bool { get }

    /// Loss and unnormalised gradient of each micro-batch, with dropout. Several small ones go through the layers
    /// together, which is faster than one after the other.
    ///
    /// - Shapes: `parameters`, each of `gradients` [trainable.count].
    /// - Accumulates: nothing; every element of a gradient is overwritten with Σ over tokens of ∂loss/∂parameter.
    /// - Throws: when the base's mapped file was truncated meanwhile.
    /// - Precondition: as many gradients as micro-batches; one unless ``takesSeveralBatches``.
    func gradient(
        of batches: [MicroBatch], parameters: Vector, into gradients: [Vector], pass: TrainingPass,
        workspace: Workspace
    ) throws -> [LossSum]

    /// Scores each sequence of a micro-batch without dropout; sequences may have prefixes.
    func scores(of batch: MicroBatch, parameters: Vector, workspace: Workspace) throws -> [SequenceScore]
}

extension TransformerModel {
    /// Loss and unnormalised gradient of one micro-batch, with dropout.
    ///
    /// - Shapes, accumulation, errors: as ``gradient(of:parameters:into:pass:workspace:)-([MicroBatch],_,_,_,_)``.
    public func gradient(
        of batch: MicroBatch, parameters: Vector, into gradient: Vector, pass: TrainingPass,
        workspace: Workspace
    ) throws -> LossSum {
        try self.gradient(
            of: [batch], parameters: parameters, into: [gradient], pass: pass, workspace: workspace)[0]
    }
}
