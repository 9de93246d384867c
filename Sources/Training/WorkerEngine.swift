public import Tensors
public import WireProtocol

/// What a worker does with one micro-batch's gradient.
public struct GradientOutcome: Sendable, Equatable {
    /// Σ −log p over the supervised tokens.
    public var lossSum: Double
    /// Supervised tokens.
    public var tokenCount: Int64
    /// Wall time of forward and backward.
    public var seconds: Double
    /// False when the loss or an element of the gradient is NaN or infinite.
    public var isFinite: Bool

    public init(lossSum: Double, tokenCount: Int64, seconds: Double, isFinite: Bool) {
        self.lossSum = lossSum
        self.tokenCount = tokenCount
        self.seconds = seconds
        self.isFinite = isFinite
    }
}

/// The computing half of a worker: the model, its compute threads and the training state.
///
/// The I/O thread submits work and goes on; a completion is called on a compute thread. Nothing here knows of
/// sockets or plans.
public protocol WorkerEngine: AnyObject, Sendable {
    /// Trainable elements.
    var parameterCount: Int { get }
    /// Micro-batches that run at once.
    var threadCount: Int { get }
    /// Ids lie below it.
    var vocabularyCount: Int { get }

    /// About how many tokens one call of ``submitGradients(of:step:into:completion:)`` should get in several micro-batches
    /// (see ``JobSize``); 0 where each is better computed by itself.
    var groupTokenCount: Int { get }

    /// Computes loss and gradient of each micro-batch, as one job, with the present parameters, for optimizer step `step`
    /// (from 1). Each has the bits that it has alone.
    ///
    /// - Shapes: each of `gradients` [parameterCount], overwritten; they belong to the engine until the completion.
    /// - Parameter completion: gets one outcome for each micro-batch, in order.
    func submitGradients(
        of batches: [MicroBatch], step: UInt64, into gradients: [Vector],
        completion: @escaping @Sendable (Result<[GradientOutcome], any Error>) -> Void)

    /// Scores `batch` with the present parameters.
    func submitScores(
        of batch: MicroBatch, completion: @escaping @Sendable (Result<[Evaluated.Score], any Error>) -> Void)

    /// Normalises, clips and applies the reduced gradient, and digests the new state where the commit wants that.
    func submitApply(
        _ commit: Commit, reducedGradient: Vector, step: UInt64,
        completion: @escaping @Sendable (Result<Applied, any Error>) -> Void)

    /// Parameters, first and second moments, for a snapshot. Not to be read while an update is under way.
    var stateVectors: (parameters: Vector, firstMoments: Vector, secondMoments: Vector) { get }

    /// Goes on with another state, whose vectors the engine takes over. Not to be called while work is under way.
    func install(_ state: StateSnapshot)

    /// Digest of the state vectors.
    func stateDigest() -> [UInt8]
}
