public import WireProtocol

/// A control connection, named by whoever owns the sockets; another one after a worker's process starts anew.
public struct ConnectionID: Hashable, Sendable {
    public var value: UInt64
    public init(_ value: UInt64) { self.value = value }
}

/// The work of a step, as far as the machine has to know it.
public struct StepRequest: Sendable, Equatable {
    /// From 1.
    public var step: UInt64
    /// Micro-batches.
    public var leafCount: Int
    /// Supervised tokens of the global batch.
    public var supervisedTokenCount: Int64
    /// Tokens of the global batch, for the status.
    public var tokenCount: Int64
    public var learningRate: Float
    /// 1 − β₁ᵏ and 1 − β₂ᵏ.
    public var biasCorrection1: Float
    public var biasCorrection2: Float
    /// The examples in each micro-batch, for messages.
    public var examplesOfLeaf: [[UInt32]]
    /// Whether the digest of the state after it is wanted, also where nobody waits for that state.
    public var digestsState: Bool

    public init(
        step: UInt64, leafCount: Int, supervisedTokenCount: Int64, tokenCount: Int64 = 0,
        learningRate: Float, biasCorrection1: Float, biasCorrection2: Float,
        examplesOfLeaf: [[UInt32]] = [], digestsState: Bool = true
    ) {
        self.tokenCount = tokenCount
        self.step = step
        self.leafCount = leafCount
        self.supervisedTokenCount = supervisedTokenCount
        self.learningRate = learningRate
        self.biasCorrection1 = biasCorrection1
        self.biasCorrection2 = biasCorrection2
        self.examplesOfLeaf = examplesOfLeaf
        self.digestsState = digestsState
    }
}

/// What must be on disk before a step is committed.
public struct LedgerRecord: Sendable, Equatable {
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
}

/// What became of a step that all workers applied.
public struct StepResult: Sendable, Equatable {
    public var step: UInt64
    public var generation: UInt64
    /// Σ −log p over the global batch, added in the reduction tree.
    public var lossSum: Double
    public var supervisedTokenCount: Int64
    /// NaN when the step was skipped.
    public var gradientNorm: Double
    public var gradientDigest: [UInt8]
    /// Digest of the state after the step; empty where it was not taken.
    public var stateDigest: [UInt8]
    /// Since the step before was finished, or since this one began.
    public var duration: Duration
    /// One for each worker that took part to the end.
    public var prepared: [Prepared]
    public var wasSkipped: Bool
    /// Who is slow, and who was lost lately, for the progress line.
    public var remarks: [String]
}

/// What to do behind a step or an evaluation, in this order.
public struct Agenda: Sendable, Equatable {
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

/// How a run ended.
public enum RunEnding: Sendable, Equatable {
    case completed
    /// Stopped on purpose; the last applied step is saved as far as its state was still held by anybody.
    case interrupted(reason: String, savedStep: UInt64)
    /// `code` is the exit status that fits.
    case failed(code: UInt32, message: String)
}

extension CoordinatorMachine {
    /// What the machine reacts to.
    public enum Event: Sendable {
        /// A decoded message. Payloads of state chunks are passed on, others are empty.
        case received(Envelope, from: ConnectionID)
        /// A connection is gone; messages on their way may be lost, so its worker is.
        case disconnected(ConnectionID)
        /// Time passed; to be sent at least once a heartbeat interval.
        case tick
        /// The answer to ``Action/loadState``: the service holds this state.
        case stateLoaded(step: UInt64, digest: [UInt8])
        /// The answer to ``Action/resume(step:digest:gradientNorm:)``: what is to be done behind that step; nil when
        /// what was written down does not reach up to it.
        case resumed(step: UInt64, Agenda?)
        /// The answer to ``Action/prepareWork(step:)``; nil when training is over.
        case workPrepared(StepRequest?)
        /// The answer to ``Action/appendLedger(_:)``.
        case ledgerWritten(step: UInt64)
        /// The answer to ``Action/stepFinished(_:)`` and ``Action/evaluationFinished(step:scores:)``.
        case decided(Agenda)
        /// The answer to ``Action/prepareEvaluation``.
        case evaluationPrepared(leafCount: Int)
        /// All chunks of the snapshot are held by the service, with the digest computed from the bytes.
        case snapshotReceived(from: UInt32, step: UInt64, digest: [UInt8])
        /// A chunk of the snapshot was out of place or damaged; another worker is asked.
        case snapshotRefused(from: UInt32, reason: String)
        /// The answer to ``Action/saveCheckpoint(step:)``.
        case checkpointSaved(step: UInt64)
        /// Under `collective: star`: the coordinator's part of the reduction waits for these.
        case exchangeAwaits([AwaitedChunks], step: UInt64, generation: UInt64)
        /// The driver threw; `code` is the exit status that fits.
        case driverFailed(code: UInt32, message: String)
        /// SIGTERM or Ctrl-C.
        case interrupt(reason: String)
    }

    /// What the machine wants done. The service does it in order and answers with the event named.
    public enum Action: Sendable {
        /// Send to a worker. Micro-batches of `assign` and `evaluate` are added by the service as payload.
        case send(Envelope, to: ConnectionID)
        /// Stream the held state as state chunks with this header.
        case sendState(Envelope.Header, to: ConnectionID)
        /// Send nothing more of a state: the worker is gone, or comes back over the same connection with one of its own, which
        /// the rest of an older one would undo.
        case stopState(to: ConnectionID)
        /// Put the state that training starts or goes on from (the newest checkpoint) into the held state.
        case loadState
        /// Workers hold the state after this step, which is later than the loaded one: take up the run there.
        case resume(step: UInt64, digest: [UInt8], gradientNorm: Double)
        case prepareWork(step: UInt64)
        /// Under `collective: star`: say whose chunks the coordinator's part of the reduction waits for.
        case checkExchange(step: UInt64, generation: UInt64)
        /// Take part in a reduction as participant 0 (star).
        case beginReduction(Plan, step: UInt64, generation: UInt64)
        case appendLedger(LedgerRecord)
        case stepFinished(StepResult)
        case prepareEvaluation
        /// One list of scores for each micro-batch, in order.
        case evaluationFinished(step: UInt64, scores: [[Evaluated.Score]])
        /// Expect a snapshot of the last applied step; drop chunks of an earlier one. It may come when later steps are
        /// applied.
        case beginSnapshot(from: UInt32, step: UInt64)
        /// Keep this chunk of the expected snapshot.
        case storeSnapshotChunk(StateChunk, payload: [UInt8], from: UInt32)
        /// The snapshot that just came is the held state from here on. One that this is not said of is nobody's any more.
        case holdSnapshot
        /// Make the held state durable.
        case saveCheckpoint(step: UInt64)
        /// A join, loss, replay or warning, for the log and events.jsonl.
        case record(event: String, details: [String: String])
        /// Nothing follows; messages on their way are still to be delivered.
        case ended(RunEnding)
    }
}
