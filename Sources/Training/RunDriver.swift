import Optimizers
public import Tensors
public import WireProtocol

/// The work of one optimizer step, a function of data and configuration only.
public struct StepWork: Sendable {
    /// From 1.
    public var step: UInt64
    /// Epochs behind it once it is done, e.g. 0.25.
    public var epoch: Double
    /// The leaves of the reduction tree.
    public var microBatches: [MicroBatch]
    /// Examples of the global batch, in the order of the epoch's permutation.
    public var exampleIDs: [UInt32]
    /// Tokens of the global batch, without padding.
    public var tokenCount: Int64
    /// Tokens with a loss: the gradient's divisor.
    public var supervisedTokenCount: Int64
    /// Of this step.
    public var learningRate: Float
    /// 1 − β₁ᵏ and 1 − β₂ᵏ.
    public var biasCorrection1: Float
    public var biasCorrection2: Float
    /// Whether the digest of the state after it is wanted.
    public var digestsState: Bool

    public init(
        step: UInt64, epoch: Double, microBatches: [MicroBatch], exampleIDs: [UInt32], tokenCount: Int64,
        supervisedTokenCount: Int64, learningRate: Float, biasCorrection1: Float, biasCorrection2: Float,
        digestsState: Bool = true
    ) {
        self.step = step
        self.epoch = epoch
        self.microBatches = microBatches
        self.exampleIDs = exampleIDs
        self.tokenCount = tokenCount
        self.supervisedTokenCount = supervisedTokenCount
        self.learningRate = learningRate
        self.biasCorrection1 = biasCorrection1
        self.biasCorrection2 = biasCorrection2
        self.digestsState = digestsState
    }
}

/// What is written down before a step may be committed.
public struct CommitRecord: Sendable, Equatable {
    public var step: UInt64
    public var generation: UInt64
    /// The worker that computed each leaf.
    public var leafWorkers: [UInt32]
    public var gradientDigest: [UInt8]
    /// Digest of the state before the step; empty where it was not taken.
    public var stateDigestBefore: [UInt8]
    /// Σ −log p over the global batch, added in the reduction tree.
    public var lossSum: Double
    /// Whether the step leaves the state as it was, because a loss or gradient is not finite.
    public var wasSkipped: Bool

    public init(
        step: UInt64, generation: UInt64, leafWorkers: [UInt32], gradientDigest: [UInt8],
        stateDigestBefore: [UInt8], lossSum: Double, wasSkipped: Bool
    ) {
        self.step = step
        self.generation = generation
        self.leafWorkers = leafWorkers
        self.gradientDigest = gradientDigest
        self.stateDigestBefore = stateDigestBefore
        self.lossSum = lossSum
        self.wasSkipped = wasSkipped
    }
}

/// What became of a committed step: a line of metrics.jsonl.
public struct StepOutcome: Sendable {
    public var step: UInt64
    public var generation: UInt64
    /// Σ −log p over the global batch, added in the reduction tree.
    public var lossSum: Double
    public var supervisedTokenCount: Int64
    public var gradientNorm: Double
    public var gradientDigest: [UInt8]
    /// Digest of the state after the step, equal on all workers; empty where it was not taken.
    public var stateDigest: [UInt8]
    /// Wall time since the step before was finished.
    public var stepSeconds: Double
    /// Largest of the workers' compute times.
    public var computeSeconds: Double
    public var reduceSeconds: Double
    public var exposedReduceSeconds: Double
    /// Sums over the workers.
    public var wireBytesSent: UInt64
    public var wireBytesReceived: UInt64
    /// Largest of the workers'.
    public var peakResidentBytes: UInt64
    public var workerCount: Int
    /// True when a loss or gradient that is not finite made the step leave the state as it was.
    public var wasSkipped: Bool
    /// Who is slow, and who was lost lately, for the progress line.
    public var remarks: [String]
    /// Messages that the coordinator and these workers have dropped since they started.
    public var messagesDropped: UInt64
    /// Connections they have turned away.
    public var connectionsRefused: UInt64

    public init(
        step: UInt64, generation: UInt64, lossSum: Double, supervisedTokenCount: Int64, gradientNorm: Double,
        gradientDigest: [UInt8], stateDigest: [UInt8], stepSeconds: Double, computeSeconds: Double,
        reduceSeconds: Double, exposedReduceSeconds: Double, wireBytesSent: UInt64, wireBytesReceived: UInt64,
        peakResidentBytes: UInt64, workerCount: Int, wasSkipped: Bool, messagesDropped: UInt64 = 0,
        connectionsRefused: UInt64 = 0, remarks: [String] = []
    ) {
        self.remarks = remarks
        self.step = step
        self.generation = generation
        self.lossSum = lossSum
        self.supervisedTokenCount = supervisedTokenCount
        self.gradientNorm = gradientNorm
        self.gradientDigest = gradientDigest
        self.stateDigest = stateDigest
        self.stepSeconds = stepSeconds
        self.computeSeconds = computeSeconds
        self.reduceSeconds = reduceSeconds
        self.exposedReduceSeconds = exposedReduceSeconds
        self.wireBytesSent = wireBytesSent
        self.wireBytesReceived = wireBytesReceived
        self.peakResidentBytes = peakResidentBytes
        self.workerCount = workerCount
        self.wasSkipped = wasSkipped
        self.messagesDropped = messagesDropped
        self.connectionsRefused = connectionsRefused
    }
}

/// What the run wants done behind a step or an evaluation, in this order: evaluate, write a checkpoint, end.
public struct AfterStep: Sendable, Equatable {
    public var evaluate: Bool
    public var checkpoint: Bool
    /// The checkpoint is to be there before the next step: no later one can stand in for it.
    public var waits: Bool
    public var finish: Bool

    public init(
        evaluate: Bool = false, checkpoint: Bool = false, waits: Bool = false, finish: Bool = false
    ) {
        self.evaluate = evaluate
        self.checkpoint = checkpoint
        self.waits = waits
        self.finish = finish
    }
}

/// Parameters and moments after `step` steps, as flat vectors.
public struct StateSnapshot: Sendable {
    public var step: UInt64
    public var parameters: Vector
    public var firstMoments: Vector
    public var secondMoments: Vector

    public init(step: UInt64, parameters: Vector, firstMoments: Vector, secondMoments: Vector) {
        self.step = step
        self.parameters = parameters
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
    }
}

extension StateSnapshot {
    /// A view of `state`.
    init(_ state: TrainingState) {
        self.init(
            step: UInt64(state.step), parameters: state.parameters, firstMoments: state.firstMoments,
            secondMoments: state.secondMoments)
    }
}

/// The coordinator's half that knows what is trained: data, schedule, ledger, checkpoints, metrics. It knows
/// nothing of workers and sockets. Its calls may block on a disk, so they are made off the I/O thread, one at
/// a time.
public protocol RunDriver: AnyObject, Sendable {
    /// Drawn once for the RUN directory.
    var runID: UInt64 { get }
    /// This life of the coordinator.
    var term: UInt64 { get }
    /// Trainable elements.
    var parameterCount: Int { get }
    /// Ids lie below it.
    var vocabularyCount: Int { get }

    /// The state that training starts or goes on from: the beginning, or the newest checkpoint. Its vectors are the
    /// caller's. Called again when all workers were lost, it takes the run back to there.
    func initialState() throws -> StateSnapshot

    /// Workers hold the state after `step`, which is later than ``initialState()``'s and not later than the ledger: the
    /// run is taken up behind it, and a metrics line that is missing is written.
    ///
    /// - Parameter gradientNorm: of `step`, as a worker says.
    /// - Returns: what comes next, as ``didFinishStep(_:work:)``; nil when the records of the steps up to there
    ///   do not suffice, so that these have to be computed again.
    func resume(atStep step: UInt64, stateDigest: [UInt8], gradientNorm: Double) throws -> AfterStep?

    /// The work of `step`; nil when training is over.
    func work(forStep step: UInt64) throws -> StepWork?

    /// Called before Commit is sent to anybody; returns once the ledger's line is on disk. A step that the
    /// ledger holds already (replayed after a checkpoint) must have the digest it has there, else this throws.
    func willCommit(_ record: CommitRecord, work: StepWork) throws

    /// Called when all workers have applied the step: writes the metrics line and says what comes next.
    func didFinishStep(_ outcome: StepOutcome, work: StepWork) throws -> AfterStep

    /// The micro-batches of an evaluation; only called after ``AfterStep/evaluate``.
    func evaluationWork() throws -> [MicroBatch]

    /// The scores of ``evaluationWork()``, one list for each micro-batch, in order.
    func didEvaluate(step: UInt64, scores: [[Evaluated.Score]]) throws -> AfterStep

    /// The state after the last finished step is about to be fetched, and may be saved when later steps are finished: what
    /// belongs to it is to be kept until then.
    func willSaveCheckpoint(step: UInt64) throws

    /// Writes the checkpoint of a snapshot; returns once it is durable.
    func saveCheckpoint(_ snapshot: StateSnapshot) throws

    /// Records a join, a loss, a replay or a warning in events.jsonl and on the log.
    func record(event: String, details: [String: String])
}
