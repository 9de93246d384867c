import WireProtocol

/// The coordinator's logic: who takes part, what is computed by whom, when a step is committed.
///
/// A pure function of its state, events and the time it is told; it has no clock, socket, file or thread.
/// Parts: `+Membership` (admission and loss), `+Step` (a step and its generations), `+Boundary` (what happens
/// between steps), `+Evaluation`, `+Status` (what it tells of itself).
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
        /// A worker uploads its state.
        case snapshot(from: UInt32)
        case ended
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
    var agenda = Agenda()
    var board = StatusBoard()
    var interruption: String?
    /// True once a step began in this life: from then on one worker is enough to go on.
    var hasBegun = false
    var checkpointsUnderWay = 0
    var evaluationCount: UInt64 = 0
    var heartbeatCount: UInt64 = 0
    var nextHeartbeat = Duration.zero
    var lastTick: Duration?
    var lastFinish: Duration?
    /// Messages that were of another run, life or step, came twice, or were not the sender's to send.
    public internal(set) var droppedMessageCount: UInt64 = 0
    var actions: [Action] = []

    public init(options: CoordinatorOptions) {
        self.options = options
        numerics = options.numerics
        ledgerHead = options.ledgerHead
    }

    /// The first actions; to be called once, before any event.
    public mutating func start() -> [Action] {
        [.loadState]
    }

    /// Takes an event at time `now` (since any fixed origin) and says what to do.
    public mutating func handle(_ event: Event, now: Duration) -> [Action] {
        actions.removeAll(keepingCapacity: true)
        switch event {
        case .received(let envelope, let connection): receive(envelope, from: connection, now: now)
        case .disconnected(let connection):
            if let id = idOfConnection[connection] { remove(id, reason: "its connection closed", now: now) }
        case .tick: tick(now: now)
        case .stateLoaded(let step, let digest): didLoadState(step: step, digest: digest)
        case .workPrepared(let request): didPrepareWork(request, now: now)
        case .ledgerWritten(let step): didWriteLedger(step: step)
        case .decided(let agenda): didDecide(agenda)
        case .evaluationPrepared(let leafCount): didPrepareEvaluation(leafCount: leafCount)
        case .snapshotReceived(let id, let step, let digest):
            didReceiveSnapshot(from: id, step: step, digest: digest, now: now)
        case .snapshotRefused(let id, let reason):
            if case .snapshot(from: id) = phase { remove(id, reason: reason, now: now) }
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

    /// Ends the run with an error that every worker is told.
    mutating func fail(code: UInt32, _ message: String) {
        guard !hasEnded else { return }
        for member in members.values.sorted(by: { $0.id < $1.id }) {
            send(.errorReport(ErrorReport(code: code, message: message)), to: member.connection)
        }
        phase = .ended
        actions.append(.ended(.failed(code: code, message: message)))
    }
}
