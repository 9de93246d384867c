import WireProtocol

/// The coordinator's logic: who takes part, what is computed by whom, when a step is committed.
///
/// A pure function of its state, events and the time it is told; it has no clock, socket, file or thread.
/// Parts: `+Membership` (registration), `+Joining` (from there into the steps), `+Departure` (loss, leaving, stopping), `+Resumption` (workers that kept their
/// state), `+Boundary` (what happens between steps), `+Step` (a step and its generations), `+Stragglers`, `+Exchange`
/// (gradients that do not get through), `+Evaluation`, `+Status` (what it tells of itself).
public struct CoordinatorMachine: Sendable {
    /// What the run is doing.
    enum Phase: Sendable {
        /// Between two steps; ``advance(now:)`` decides what comes next.
        case idle
        /// The driver loads the initial state or the newest checkpoint.
        case loadingState
        /// The driver prepares the next step.
        case preparingWork
        case stepping(StepProgress)
        /// The driver writes down a step or evaluation and says what follows.
        case deciding
        case preparingEvaluation
        case evaluating(EvaluationProgress)
        /// The driver takes up the run where workers kept its state.
        case resuming(step: UInt64, digest: [UInt8])
        /// A worker uploads its state.
        case snapshot(from: UInt32)
        case ended
    }

    /// A state that is fetched from a worker, for a checkpoint or for newcomers.
    struct Upload: Sendable {
        var from: UInt32
        var step: UInt64
        var saves: Bool
        /// When it was asked for, or a piece of it came last.
        var lastPiece: Duration
    }

    public let options: CoordinatorOptions
    var phase = Phase.loadingState
    /// By id.
    var members: [UInt32: Member] = [:]
    var idOfConnection: [ConnectionID: UInt32] = [:]
    var nextID: UInt32 = 1
    var numerics: NumericsFingerprint?
    /// The last step all workers applied, and the digest of the state after it.
    public internal(set) var appliedStep: UInt64 = 0
    var stateDigest: [UInt8] = []
    /// The step of the state that the service holds; worth something while it is ``appliedStep``.
    var heldStep: UInt64?
    /// The last step that is on disk.
    var savedStep: UInt64 = 0
    var ledgerHead: UInt64
    /// Lines of the ledger behind the last checkpoint.
    var ledgered: [UInt64: LedgeredStep]
    /// The last state that workers agreed on in this life.
    var confirmed: (step: UInt64, digest: [UInt8])?
    /// The last attempt at each step behind the last checkpoint: none has the number of another.
    var generations: [UInt64: UInt64] = [:]
    /// Workers that took part in the last ledgered step.
    var workerCountBefore: Int
    /// Until when others are waited for that may have kept the state.
    var gathersUntil: Duration?
    /// The driver could not go on from what workers kept.
    var refusesClaims = false
    /// Pairs that cannot reach one another, until when that is believed, and how often it was found.
    var avoided: [WorkerPair: (until: Duration, count: Int)] = [:]
    /// Workers that had to go because the others could not get on with them, by key or data address.
    var strikes: [String: Strikes] = [:]
    /// What the coordinator's own part in an exchange waits for.
    var exchangeWatch = ExchangeWatch()
    var agenda = Agenda()
    var board = StatusBoard()
    var interruption: String?
    /// Why the run stops, once it does so with an error.
    var failure: (code: UInt32, message: String)?
    /// True once a step began in this life: from then on one worker is enough to go on.
    var hasBegun = false
    var checkpointsUnderWay = 0
    /// A state that is fetched from a worker while steps go on.
    var upload: Upload?
    var evaluationCount: UInt64 = 0
    var heartbeatCount: UInt64 = 0
    var nextHeartbeat = Duration.zero
    var lastTick: Duration?
    /// The time of the event that is being handled.
    var clock = Duration.zero
    var lastFinish: Duration?
    /// Messages that were of another run, life or step, came twice, or were not the sender's to send.
    public internal(set) var droppedMessageCount: UInt64 = 0
    var actions: [Action] = []

    public init(options: CoordinatorOptions) {
        self.options = options
        numerics = options.numerics
        ledgerHead = options.ledgerHead
        ledgered = options.ledgered
        workerCountBefore = options.lastWorkerCount
    }

    /// The first actions; to be called once, before any event.
    public mutating func start() -> [Action] {
        [.loadState]
    }

    /// Takes an event at time `now` (since any fixed origin) and says what to do.
    public mutating func handle(_ event: Event, now: Duration) -> [Action] {
        actions.removeAll(keepingCapacity: true)
        clock = now
        switch event {
        case .received(let envelope, let connection): receive(envelope, from: connection, now: now)
        case .disconnected(let connection):
            if let id = idOfConnection[connection] { remove(id, reason: "its connection closed", now: now) }
        case .tick: tick(now: now)
        case .stateLoaded(let step, let digest): didLoadState(step: step, digest: digest)
        case .resumed(let step, let agenda): didResume(step: step, agenda: agenda)
        case .exchangeAwaits(let awaited, let step, let generation):
            let stalled = exchangeWatch.stalled(awaited, now: now, limit: options.lostAfter).map(\.peer)
            didStall(
                ExchangeStalled(partialsFrom: stalled, reducedFrom: []), by: 0, step: step,
                generation: generation, now: now)
        case .workPrepared(let request): didPrepareWork(request, now: now)
        case .ledgerWritten(let step): didWriteLedger(step: step)
        case .decided(let agenda): didDecide(agenda)
        case .evaluationPrepared(let leafCount): didPrepareEvaluation(leafCount: leafCount)
        case .snapshotReceived(let id, let step, let digest):
            didReceiveSnapshot(from: id, step: step, digest: digest, now: now)
        case .snapshotRefused(let id, let reason):
            if isExpectingSnapshot(from: id) { remove(id, reason: reason, now: now) }
        case .checkpointSaved(let step): didSaveCheckpoint(step: step)
        case .driverFailed(let code, let message): fail(code: code, message)
        case .interrupt(let reason): interrupt(reason: reason)
        }
        advance(now: now)
        return actions
    }

    /// Workers that take part.
    public var activeWorkerCount: Int { activeMembers.count }

    /// Whether nothing follows any more.
    public var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    var activeMembers: [Member] {
        members.values.filter { $0.phase == .active }.sorted { $0.id < $1.id }
    }

    func header(step: UInt64 = 0, generation: UInt64 = 0) -> Envelope.Header {
        Envelope.Header(runID: options.runID, term: options.term, generation: generation, step: step)
    }

    mutating func send(
        _ body: Envelope.Body, to connection: ConnectionID, step: UInt64 = 0, generation: UInt64 = 0
    ) {
        actions.append(
            .send(Envelope(header: header(step: step, generation: generation), body: body), to: connection))
    }

    mutating func record(_ event: String, _ details: [String: String]) {
        actions.append(.record(event: event, details: details))
    }
}
