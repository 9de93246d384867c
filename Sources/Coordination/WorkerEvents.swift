public import WireProtocol

/// How a worker's part ended.
public enum WorkerEnding: Sendable, Equatable {
    /// The run is over, or interrupted.
    case finished(reason: String)
    /// The coordinator will not have this worker.
    case refused(Refusal)
    /// Nothing was heard of the coordinator for so long.
    case orphaned(after: Duration)
    /// `code` is the exit status that fits.
    case failed(code: UInt32, message: String)
    /// The worker was told to go.
    case left(reason: String)
}

/// What a computation was started for; its result counts only while that is still wanted.
public struct WorkTicket: Sendable, Hashable {
    /// Counts the registrations of this process.
    public var session: UInt64
    public var step: UInt64
    /// The generation of a reduction, or the number of an evaluation.
    public var generation: UInt64

    public init(session: UInt64, step: UInt64, generation: UInt64) {
        self.session = session
        self.step = step
        self.generation = generation
    }
}

extension WorkerMachine {
    /// What the machine reacts to.
    public enum Event: Sendable {
        /// A decoded message of the coordinator.
        case received(Envelope)
        /// The coordinator speaks another version of the protocol; the message names both.
        case versionDiffers(message: String)
        /// Time passed; to be sent at least once a heartbeat interval.
        case tick
        /// The answer to ``Action/buildEngine(_:)``.
        case engineBuilt(parameterCount: Int)
        /// The answer to ``Action/installState(step:keepsReduction:)``, with the digest computed from the bytes.
        case stateInstalled(step: UInt64, digest: [UInt8])
        /// The answer to ``Action/digestState(step:)``.
        case stateDigested(step: UInt64, digest: [UInt8])
        /// What ``Action/sendState(_:digest:)`` sends is a copy by now.
        case stateCopied
        /// A piece of the state could not be used.
        case stateBroken(reason: String)
        /// The answers to ``Action/compute(leaf:frame:ticket:)``, ``Action/apply(_:ticket:)``,
        /// ``Action/applyKept(_:ticket:)`` and ``Action/score(leaf:frame:ticket:)``.
        case computed(LeafComputed, WorkTicket)
        case applied(Applied, WorkTicket)
        case evaluated(Evaluated, WorkTicket)
        /// A micro-batch that ``Action/cancelWork`` kept from being computed.
        case cancelled(WorkTicket)
        /// The reduced gradient of ``Action/beginReduction(_:ticket:)`` is whole and held.
        case reduced(Prepared, WorkTicket)
        /// The answer to ``Action/release(leaves:ticket:)``: these are given up, and their gradients dropped.
        case released([UInt32], WorkTicket)
        /// The answer to ``Action/checkExchange(_:)``.
        case exchangeAwaits([AwaitedChunks], WorkTicket)
        /// Something this worker cannot go on from; `code` is the exit status that fits.
        case failed(code: UInt32, message: String)
        /// SIGTERM or Ctrl-C at this worker; a second one ends it at once.
        case terminate(reason: String)
    }

    /// What the machine wants done, in order. Computations are answered from other threads later.
    public enum Action: Sendable {
        case send(Envelope)
        /// Build the model and its threads.
        case buildEngine(Welcome)
        /// Keep a piece of the state that is arriving; the first one of the first section starts over.
        case storeStateChunk(StateChunk, payload: [UInt8])
        /// All pieces are here: make them the engine's state and digest it.
        ///
        /// - Parameter keepsReduction: steps behind that one are being followed; else their reduction is forgotten.
        case installState(step: UInt64, keepsReduction: Bool)
        /// Digest the state that is held, which no computation changes meanwhile.
        case digestState(step: UInt64)
        /// Forget the gradients of an earlier step.
        case beginStep(leafCount: Int, ticket: WorkTicket)
        /// Compute a micro-batch and keep its gradient.
        case compute(leaf: UInt32, frame: [UInt8], ticket: WorkTicket)
        /// Reduce by this plan, in place of any earlier one.
        case beginReduction(Plan, ticket: WorkTicket)
        /// Give up those of the leaves whose gradients are not kept yet.
        case release(leaves: [UInt32], ticket: WorkTicket)
        /// Say whose chunks the reduction waits for.
        case checkExchange(WorkTicket)
        /// Give up the reduction and what it prepared; gradients are kept.
        case abandonReduction
        /// Do not start the computations that wait; their gradients belong to nobody any more.
        case cancelWork
        /// Apply the reduced gradient that is held.
        case apply(Commit, ticket: WorkTicket)
        /// Copy the reduced gradient that is held, as that of this step, until it is applied or dropped.
        case keepGradient(step: UInt64)
        /// Apply the kept gradient of the ticket's step; answered as ``apply(_:ticket:)``.
        case applyKept(Commit, ticket: WorkTicket)
        /// Drop the kept gradients of these steps.
        case dropGradients([UInt64])
        case score(leaf: UInt32, frame: [UInt8], ticket: WorkTicket)
        /// Copy the state, and stream the copy as state chunks with this header.
        case sendState(Envelope.Header, digest: [UInt8])
        /// For the log.
        case log(String)
        /// Nothing follows; messages on their way are still to be delivered.
        case ended(WorkerEnding)
    }
}
