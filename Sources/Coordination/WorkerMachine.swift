public import WireProtocol

/// A worker's logic: registration, the state, and its part in each step.
///
/// A pure function of its state, events and the time it is told; it has no clock, socket, file or thread.
/// Parts: `+Admission`, `+Following` (steps that go on while the state is on its way), `+Step`.
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
        /// Takes part as soon as it holds the state.
        case active
        case ended
    }

    /// The step under way.
    struct Step: Sendable {
        let step: UInt64
        var leafCount: UInt32
        var generation: UInt64
        /// Leaves it was given, computed or not.
        var leaves: Set<UInt32> = []
        /// Leaves that are still to be computed.
        var pendingLeaves: Set<UInt32> = []
        /// What was said of those that are computed.
        var reports: [UInt32: LeafComputed] = [:]
        /// Leaves it gave up; a plan that was made before the coordinator knew may still count on them.
        var released: Set<UInt32> = []
        /// Set once the whole reduced gradient is held.
        var prepared: Prepared?
        var isApplying = false
        /// Of a step that is followed: its Commit came before the gradient was whole.
        var commit: Commit?
    }

    /// A state that was applied or installed whole.
    struct Held: Sendable {
        var step: UInt64
        var digest: [UInt8]
        /// Norm of the last gradient; 0 where it was not applied here.
        var gradientNorm = 0.0
    }

    /// A reduced gradient of a session that is over, held until the coordinator says what becomes of it.
    struct Kept: Sendable {
        var step: UInt64
        var generation: UInt64
        var prepared: Prepared
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
    /// The state that is here; it outlives the connection and the coordinator.
    var held: Held?
    var kept: Kept?
    /// The steps under way are followed: nothing is computed, their gradients are kept for a state that is on its way.
    var isFollowing = false
    /// Committed steps whose gradients are kept, in order.
    var followed: [(step: UInt64, commit: Commit)] = []
    /// The session in which a state was sent, so that the one held is not an old one.
    var stateSession: UInt64 = 0
    /// An update is being applied, of whatever session.
    var isApplying = false
    /// It is one that was kept.
    var isCatchingUp = false
    /// Copies of the state that are being made, to be sent; while there are some, no update is applied.
    var copiesUnderWay = 0
    /// The commit that came meanwhile.
    var waitingCommit: (commit: Commit, header: Envelope.Header)?
    /// The digest of the state is being taken, to register with it.
    var isDigesting = false
    /// Why it goes, once it was told to.
    var drainReason: String?
    /// From whom chunks do not come any more.
    var exchangeWatch = ExchangeWatch()
    /// The digest announced with the state that is arriving.
    var announcedDigest: [UInt8] = []
    var isReceivingState = false
    /// States in a row that could not be put together.
    var brokenStateCount = 0
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
        case .stateInstalled(let step, let digest): didInstall(step: step, digest: digest, now: now)
        case .stateDigested(let step, let digest):
            computationsUnderWay -= 1
            didDigest(step: step, digest: digest, now: now)
        case .stateCopied: didCopyState()
        case .stateBroken(let reason): didBreakState(reason: reason, now: now)
        case .computed(let report, let ticket):
            computationsUnderWay -= 1
            if isCurrent(ticket) {
                step?.pendingLeaves.remove(report.leaf)
                if step?.leaves.contains(report.leaf) == true { step?.reports[report.leaf] = report }
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
            didApply(applied, ticket: ticket, now: now)
        case .released(let leaves, let ticket): didRelease(leaves, ticket: ticket)
        case .exchangeAwaits(let awaited, let ticket): didCheck(awaited, ticket: ticket, now: now)
        case .failed(let code, let message): fail(code: code, message)
        case .terminate(let reason): terminate(reason: reason)
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

    /// Silence after which the other side counts as lost, as the coordinator said.
    var lostAfter: Duration { welcome.map { .seconds($0.lostAfterSeconds) } ?? .seconds(5) }

    /// Whether the state is here whole and no other one is about to take its place.
    var holdsState: Bool {
        held != nil && !isReceivingState && installWhenIdle == nil && installingSession == nil
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

    /// Finishes its part of the step before it goes; told a second time, or with nobody to tell, it goes at once.
    private mutating func terminate(reason: String) {
        if case .active = phase, drainReason == nil {
            drainReason = reason
            send(.leave(Leave(reason: reason, drains: true)))
            return
        }
        if id != 0 { send(.leave(Leave(reason: reason))) }
        end(.left(reason: reason))
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
        case .finish(let finish):
            return end(drainReason.map { .left(reason: $0) } ?? .finished(reason: finish.reason))
        case .abort where envelope.header.step == 0:
            if case .registering = phase { return }
            // The coordinator lost it, with whatever it was finishing.
            if let drainReason { return end(.left(reason: drainReason)) }
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
        case .assign(let assignment): didReceive(assignment, envelope: envelope, now: now)
        case .commit(let commit): didReceive(commit, header: envelope.header)
        case .abort: didReceiveAbort(header: envelope.header)
        case .evaluate(let assignment): didReceive(assignment, envelope: envelope, now: now)
        case .snapshotRequest: didReceiveSnapshotRequest(header: envelope.header, now: now)
        case .errorReport(let report): end(.failed(code: report.code, message: report.message))
        case .leafRelease(let release): didReceive(release, header: envelope.header)
        case .heartbeat, .welcome, .refuse, .finish, .register, .stateLoaded, .leafComputed, .prepared,
            .applied, .evaluated, .leave, .exchangeStalled, .partial, .reduced, .statusRequest,
            .statusReport, .baseRequest, .baseProgress, .baseManifest, .baseSources, .baseChunkRequest,
            .baseChunk:
            break
        }
    }

    private mutating func tick(now: Duration) {
        // If this process was stopped for a while, the coordinator could not be heard: count from now on.
        if let last = lastTick, now - last > .seconds(2) {
            if let heard = lastHeard { lastHeard = heard + (now - last) }
            exchangeWatch = ExchangeWatch()
        }
        lastTick = now
        let timeout =
            options.orphanTimeout ?? welcome.map { .seconds($0.orphanTimeoutSeconds) } ?? .seconds(600)
        if let lastHeard, now - lastHeard > timeout { return end(.orphaned(after: timeout)) }
        if let drainReason, let lastHeard, now - lastHeard > lostAfter {
            return end(.left(reason: drainReason))
        }
        if let step, !isFollowing, step.prepared == nil, step.pendingLeaves.isEmpty {
            actions.append(
                .checkExchange(
                    WorkTicket(session: session, step: step.step, generation: step.generation)))
        }
        if case .registering = phase {
            if now >= nextRegister, !isApplying, !isDigesting { sendRegister(now: now) }
        } else if now >= nextHeartbeat {
            nextHeartbeat = now + .seconds(welcome?.heartbeatSeconds ?? 1)
            heartbeatCount += 1
            send(.heartbeat(Heartbeat(sequence: heartbeatCount)))
        }
    }
}
