public import WireProtocol

/// A worker's logic: registration, the state, and its part in each step.
///
/// A pure function of its state, events and the time it is told; it has no clock, socket, file or thread.
/// Parts: `+Admission`, `+Step`.
public struct WorkerMachine: Sendable {
    /// What is fixed for the process.
    public struct Options: Sendable {
        /// What it registers with; `held` is filled in by the machine.
        public var register: Register
        /// Between two attempts to register.
        public var registerInterval = Duration.seconds(2)
        /// `--orphan-timeout`; nil takes what the coordinator says (600 s before it said anything).
        public var orphanTimeout: Duration?

        public init(register: Register) { self.register = register }
    }

    enum Phase: Sendable {
        /// Waits for a welcome.
        case registering
        /// The model is being built.
        case building
        /// Waits for the state.
        case loading
        case active
        case ended
    }

    /// The step under way.
    struct Step: Sendable {
        var step: UInt64
        var leafCount: UInt32
        var generation: UInt64
        /// Leaves it was given, computed or not.
        var leaves: Set<UInt32> = []
        /// Set once the whole reduced gradient is held.
        var prepared: Prepared?
        var isApplying = false
    }

    public let options: Options
    var phase = Phase.registering
    var id: UInt32 = 0
    var runID: UInt64 = 0
    var term: UInt64 = 0
    var welcome: Welcome?
    /// The welcome the engine was built for; it is kept over a reconnection to the same run.
    var engineWelcome: Welcome?
    /// The welcome an engine is being built for.
    var buildingWelcome: Welcome?
    /// The last applied step and the digest of the state after it.
    var held: (step: UInt64, digest: [UInt8])?
    /// The digest announced with the state that is arriving.
    var announcedDigest: [UInt8] = []
    var isReceivingState = false
    /// The step of a state that is here whole.
    var installWhenIdle: UInt64?
    /// The session a state is being installed for.
    var installingSession: UInt64?
    var step: Step?
    /// Counts registrations.
    var session: UInt64 = 0
    /// Computations under way, of whatever session: while there are some, the state must not be overwritten.
    var computationsUnderWay = 0
    var heartbeatCount: UInt64 = 0
    var nextHeartbeat = Duration.zero
    var nextRegister = Duration.zero
    var lastHeard: Duration?
    var lastTick: Duration?
    /// Messages of the coordinator that were of another run or life of it.
    public internal(set) var droppedMessageCount: UInt64 = 0
    var actions: [Action] = []

    public init(options: Options) { self.options = options }

    /// The first actions; to be called once, before any event.
    public mutating func start(now: Duration) -> [Action] {
        actions.removeAll()
        lastHeard = now
        register(now: now)
        return actions
    }

    /// Takes an event at time `now` (since any fixed origin) and says what to do.
    public mutating func handle(_ event: Event, now: Duration) -> [Action] {
        actions.removeAll(keepingCapacity: true)
        if case .ended = phase { return [] }
        switch event {
        case .received(let envelope): receive(envelope, now: now)
        case .versionDiffers(let message):
            end(.refused(Refusal(code: .protocolVersion, message: message)))
        case .tick: tick(now: now)
        case .engineBuilt(let parameterCount): didBuild(parameterCount: parameterCount)
        case .stateInstalled(let step, let digest): didInstall(step: step, digest: digest)
        case .computed(let report, let ticket):
            computationsUnderWay -= 1
            if isCurrent(ticket) {
                send(.leafComputed(report), step: ticket.step, generation: ticket.generation)
            }
        case .evaluated(let evaluated, let ticket):
            computationsUnderWay -= 1
            if ticket.session == session, case .active = phase {
                send(.evaluated(evaluated), step: ticket.step, generation: ticket.generation)
            }
        case .cancelled: computationsUnderWay -= 1
        case .reduced(let prepared, let ticket): didReduce(prepared, ticket: ticket)
        case .applied(let applied, let ticket):
            computationsUnderWay -= 1
            didApply(applied, ticket: ticket)
        case .failed(let code, let message): fail(code: code, message)
        case .terminate(let reason):
            if id != 0 { send(.leave(Leave(reason: reason))) }
            end(.left(reason: reason))
        }
        installIfIdle()
        return actions
    }

    /// Whether nothing follows any more.
    public var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    /// The run it takes part in, what other workers' messages must carry; nil before the welcome.
    public var membership: (id: UInt32, runID: UInt64, term: UInt64)? {
        id == 0 ? nil : (id, runID, term)
    }

    mutating func send(_ body: Envelope.Body, step: UInt64 = 0, generation: UInt64 = 0) {
        let header = Envelope.Header(
            runID: runID, term: term, generation: generation, step: step, sender: id)
        actions.append(.send(Envelope(header: header, body: body)))
    }

    mutating func end(_ ending: WorkerEnding) {
        phase = .ended
        actions.append(.ended(ending))
    }

    /// Tells the coordinator what happened, and ends.
    mutating func fail(code: UInt32, _ message: String) {
        if id != 0 { send(.errorReport(ErrorReport(code: code, message: message))) }
        end(.failed(code: code, message: message))
    }

    private mutating func receive(_ envelope: Envelope, now: Duration) {
        switch envelope.body {
        case .welcome(let welcome): return didReceive(welcome, header: envelope.header, now: now)
        case .refuse(let refusal): return end(.refused(refusal))
        case .finish(let finish): return end(.finished(reason: finish.reason))
        case .abort where envelope.header.step == 0:
            if case .registering = phase { return }
            actions.append(.log("the coordinator does not know this worker any more: registering again"))
            return register(now: now)
        default: break
        }
        // A lower term is a coordinator that has been replaced; a higher one has not welcomed this worker.
        guard id != 0, envelope.header.runID == runID, envelope.header.term == term else {
            return droppedMessageCount += 1
        }
        lastHeard = now
        switch envelope.body {
        case .stateChunk(let chunk): didReceive(chunk, envelope: envelope)
        case .assign(let assignment): didReceive(assignment, envelope: envelope)
        case .commit(let commit): didReceive(commit, header: envelope.header)
        case .abort: didReceiveAbort(header: envelope.header)
        case .evaluate(let assignment): didReceive(assignment, envelope: envelope)
        case .snapshotRequest: didReceiveSnapshotRequest(header: envelope.header)
        case .errorReport(let report): end(.failed(code: report.code, message: report.message))
        case .heartbeat, .welcome, .refuse, .finish, .register, .stateLoaded, .leafComputed, .prepared,
            .applied, .evaluated, .leave, .partial, .reduced, .statusRequest, .statusReport:
            break
        }
    }

    private mutating func tick(now: Duration) {
        // If this process was stopped for a while, the coordinator could not be heard: count from now on.
        if let last = lastTick, now - last > .seconds(2), let heard = lastHeard {
            lastHeard = heard + (now - last)
        }
        lastTick = now
        let timeout =
            options.orphanTimeout ?? welcome.map { .seconds($0.orphanTimeoutSeconds) } ?? .seconds(600)
        if let lastHeard, now - lastHeard > timeout { return end(.orphaned(after: timeout)) }
        if case .registering = phase {
            if now >= nextRegister { sendRegister(now: now) }
        } else if now >= nextHeartbeat {
            nextHeartbeat = now + .seconds(welcome?.heartbeatSeconds ?? 1)
            heartbeatCount += 1
            send(.heartbeat(Heartbeat(sequence: heartbeatCount)))
        }
    }
}
