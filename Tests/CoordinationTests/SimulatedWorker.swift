import Collectives
import Coordination
import Tensors
import WireProtocol

/// A worker process of the simulation: the real machine and the real reducer over simulated computations.
final class SimulatedWorker {
    /// From 1; never given twice.
    let process: Int
    let cluster: SimulatedCluster
    var machine: WorkerMachine
    var reducer: Reducer
    var parameters: [Float] = []
    var isAlive = true
    /// Wall time of one micro-batch on one thread.
    var secondsPerLeaf: Double
    private(set) var ending: WorkerEnding?
    private(set) var computedLeafCount = 0
    /// It never says that it has the state.
    var swallowsState = false
    /// Steps it made up for while it came in.
    private(set) var followedStepCount = 0
    private(set) var keptGradients: [UInt64: [Float]] = [:]
    /// Control: the present connection, and what waits for the next one.
    private var connection: SimulatedConnection?
    private var pending: [Envelope] = []
    private var lastFromCoordinator = 0.0
    private var incomingState: [Float] = []
    private var step: WorkTicket?
    private var reduction: WorkTicket?
    private var reported: WorkTicket?
    private var roster: [UInt32: String] = [:]
    private var waiting: [(leaf: UInt32, ticket: WorkTicket)] = []
    private var running: [(leaf: UInt32, ticket: WorkTicket)] = []
    private var dropped: [(leaf: UInt32, ticket: WorkTicket)] = []
    private let threadCount: Int
    /// Until then nothing of it runs (SIGSTOP); what arrives waits.
    private var pausedUntil = 0.0
    private var deferred: [(SimulatedWorker) -> Void] = []

    init(process: Int, cluster: SimulatedCluster, threadCount: Int, secondsPerLeaf: Double) {
        self.process = process
        self.cluster = cluster
        self.threadCount = threadCount
        self.secondsPerLeaf = secondsPerLeaf
        reducer = Reducer(layout: cluster.task.layout)
        machine = WorkerMachine(
            options: .init(
                register: Register(
                    shoalVersion: "test", host: "host", processID: UInt32(process), baseDigest: "base",
                    numerics: NumericsFingerprint(blas: "b", core: "c", kernels: "k"),
                    threadCount: UInt32(threadCount), dataEndpoint: "sim://\(process)", publicKey: "")))
        perform(machine.start(now: cluster.world.now))
        connect()
        tick()
    }

    var isPaused: Bool { pausedUntil > cluster.world.time }
    /// It was told to go, and went.
    var wasDrained: Bool {
        if case .left? = ending { true } else { false }
    }

    func pause(seconds: Double) {
        pausedUntil = cluster.world.time + seconds
        // As if its host slept, too.
        if seconds > SimulatedNetwork.timeout {
            cluster.world.after(SimulatedNetwork.timeout) { [weak self] in self?.breakConnection() }
        }
    }

    func die() {
        isAlive = false
        breakConnection()
    }

    func terminate() { later(0) { $0.handle(.terminate(reason: "SIGTERM")) } }

    // MARK: - Control

    private func connect() {
        later(cluster.world.random(0.01...0.6)) { worker in
            let cluster = worker.cluster
            guard worker.connection == nil else { return }
            guard let connection = cluster.accept(process: worker.process) else { return worker.connect() }
            connection.toWorker.last = worker.lastFromCoordinator
            worker.connection = connection
            let waiting = worker.pending
            worker.pending = []
            for envelope in waiting { worker.send(envelope) }
        }
    }

    private func send(_ envelope: Envelope) {
        guard let connection else {
            if case .heartbeat = envelope.body { return }
            pending.append(envelope)
            return
        }
        var isPiece = false
        if case .stateChunk = envelope.body { isPiece = true }
        cluster.network.deliver(connection, \.toCoordinator, comesOnce: isPiece) {
            connection.coordinator.receive(envelope, from: connection.id)
        }
    }

    /// Both ends learn of it sooner or later.
    func breakConnection() {
        guard let connection else { return }
        self.connection = nil
        lastFromCoordinator = connection.toWorker.last
        connection.breakOff(cluster.world)
        cluster.world.after(cluster.world.random(0...(cluster.world.chance(0.2) ? 20 : 0.5))) {
            connection.coordinator.disconnected(connection.id)
        }
        pending.removeAll()
        if isAlive { connect() }
    }

    /// Breaks it if it leads to `coordinator`.
    func breakConnection(to coordinator: SimulatedCoordinator) {
        if connection?.coordinator === coordinator { breakConnection() }
    }

    func receive(_ envelope: Envelope) { later(0) { $0.handle(.received(envelope)) } }

    func receiveData(_ envelope: Envelope) {
        later(0) { worker in
            switch envelope.body {
            case .partial(let chunk): worker.receive(chunk, isReduced: false, envelope: envelope)
            case .reduced(let chunk): worker.receive(chunk, isReduced: true, envelope: envelope)
            default: break
            }
        }
    }

    // MARK: - Time

    private func tick() {
        later(0.5) { worker in
            worker.handle(.tick)
            worker.tick()
        }
    }

    private func later(_ seconds: Double, _ body: @escaping (SimulatedWorker) -> Void) {
        at(cluster.world.time + seconds, body)
    }

    /// Runs when the process is not stopped, and not at all once it is dead.
    private func at(_ time: Double, _ body: @escaping (SimulatedWorker) -> Void) {
        cluster.world.at(time) { [weak self] in
            guard let self, isAlive else { return }
            if isPaused || !deferred.isEmpty { postpone(body) } else { body(self) }
        }
    }

    /// Keeps the order of what happens while the process is stopped.
    private func postpone(_ body: @escaping (SimulatedWorker) -> Void) {
        deferred.append(body)
        if deferred.count == 1 { wakeLater() }
    }

    private func wakeLater() {
        cluster.world.at(pausedUntil + 1e-6) { [weak self] in
            guard let self, isAlive else { return }
            if isPaused { return wakeLater() }
            // What these cause comes behind them.
            var index = 0
            while index < deferred.count, isAlive, !isPaused {
                deferred[index](self)
                index += 1
            }
            deferred.removeFirst(index)
            if !deferred.isEmpty { wakeLater() }
        }
    }

    private func handle(_ event: WorkerMachine.Event) {
        if let trace = cluster.trace {
            if case .received(let envelope) = event {
                trace("process \(process) gets \(SimulatedCluster.text(envelope))")
            } else if case .tick = event {
            } else {
                trace("process \(process): \("\(event)".prefix(60))")
            }
        }
        perform(machine.handle(event, now: cluster.world.now))
    }

    private func perform(_ actions: [WorkerMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: WorkerMachine.Action) {
        let world = cluster.world
        switch action {
        case .send(let envelope): send(envelope)
        case .buildEngine(let welcome):
            later(world.random(0.1...3)) {
                $0.handle(.engineBuilt(parameterCount: Int(welcome.parameterCount)))
            }
        case .storeStateChunk(let chunk, let payload): if !swallowsState { store(chunk, payload) }
        case .installState(let step, let keepsReduction):
            guard !swallowsState else { return }
            let state = incomingState
            if !keepsReduction { reducer.reset() }
            later(world.random(0.01...0.2)) { worker in
                worker.parameters = state
                worker.handle(.stateInstalled(step: step, digest: SimulatedTask.stateDigest(state)))
            }
        case .digestState(let step):
            later(world.random(0.01...1)) {
                $0.handle(.stateDigested(step: step, digest: SimulatedTask.stateDigest($0.parameters)))
            }
        case .beginStep(let leafCount, let ticket):
            step = ticket
            reducer.begin(leafCount: leafCount)
        case .compute(let leaf, _, let ticket):
            waiting.append((leaf, ticket))
            startWaiting()
        case .beginReduction(let plan, let ticket): begin(plan, ticket)
        case .release(let leaves, let ticket): release(leaves, ticket)
        case .checkExchange(let ticket):
            guard reduction == ticket, let awaited = reducer.awaited else { return }
            later(0.001) { $0.handle(.exchangeAwaits(awaited, ticket)) }
        case .abandonReduction:
            reduction = nil
            reducer.abandon()
        case .apply(let commit, let ticket): apply(commit, reducer.reduced.toArray(), ticket)
        case .keepGradient(let step): keptGradients[step] = reducer.reduced.toArray()
        case .applyKept(let commit, let ticket):
            apply(commit, keptGradients.removeValue(forKey: ticket.step) ?? [], ticket)
            followedStepCount += 1
        case .dropGradients(let steps): for step in steps { keptGradients[step] = nil }
        case .score(let leaf, _, let ticket):
            later(secondsPerLeaf) { worker in
                let loss = SimulatedTask.loss(leaf: Int(leaf), step: 0, parameters: worker.parameters)
                worker.handle(
                    .evaluated(
                        Evaluated(
                            leaf: leaf, scores: [.init(lossSum: loss, tokenCount: 3, greedyMatches: 1)]),
                        ticket))
            }
        case .sendState(let header, let digest):
            let session = connection?.id
            later(world.random(0.001...0.3)) { worker in
                let cluster = worker.cluster
                let pieces = SimulatedCluster.stateEnvelopes(
                    worker.parameters, header: header, digest: digest)
                worker.handle(.stateCopied)
                guard worker.connection?.id == session else { return }
                worker.send(pieces[0])
                worker.later(cluster.uploadSeconds) {
                    if $0.connection?.id == session { $0.send(pieces[1]) }
                }
            }
        case .log: break
        case .cancelWork:
            let cancelled = waiting
            waiting = []
            for entry in cancelled { later(0) { $0.handle(.cancelled(entry.ticket)) } }
        case .ended(let ending):
            self.ending = ending
            // What was said last is delivered before the connection closes.
            isAlive = false
            if let connection {
                world.at(connection.toCoordinator.last + 0.001) { [self] in breakConnection() }
            }
        }
    }

    /// Pieces must come in order, as they do over one connection.
    private func store(_ chunk: StateChunk, _ payload: [UInt8]) {
        if chunk.elementOffset == 0 { incomingState = [] }
        guard Int(chunk.elementOffset) == incomingState.count else {
            return handle(.stateBroken(reason: "a piece of the state came out of place"))
        }
        incomingState += SimulatedCluster.floats(payload)
    }

    // MARK: - Work

    private func startWaiting() {
        while running.count < threadCount, !waiting.isEmpty {
            let (leaf, ticket) = waiting.removeFirst()
            running.append((leaf, ticket))
            later(secondsPerLeaf * cluster.world.random(cluster.jitter)) { $0.didCompute(Int(leaf), ticket) }
        }
    }

    private func release(_ leaves: [UInt32], _ ticket: WorkTicket) {
        guard step?.session == ticket.session, step?.step == ticket.step else { return }
        let released = leaves.filter { !reducer.store.heldLeaves.contains(Int($0)) }
        let cancelled = waiting.filter { released.contains($0.leaf) }
        waiting.removeAll { released.contains($0.leaf) }
        dropped += running.filter { released.contains($0.leaf) }
        later(0.001) { worker in
            for entry in cancelled { worker.handle(.cancelled(entry.ticket)) }
            worker.handle(.released(released, ticket))
        }
    }

    private func didCompute(_ leaf: Int, _ ticket: WorkTicket) {
        running.removeAll { $0.leaf == UInt32(leaf) && $0.ticket == ticket }
        let dropCount = dropped.count
        dropped.removeAll { $0.leaf == UInt32(leaf) && $0.ticket == ticket }
        let isDropped = dropped.count < dropCount
        computedLeafCount += 1
        startWaiting()
        let gradient = SimulatedTask.gradient(leaf: leaf, step: ticket.step, parameters: parameters)
        let report = LeafComputed(
            leaf: UInt32(leaf),
            lossSum: SimulatedTask.loss(leaf: leaf, step: ticket.step, parameters: parameters),
            tokenCount: 10, seconds: secondsPerLeaf, isFinite: true)
        handle(.computed(report, ticket))
        guard !isDropped, step?.session == ticket.session, step?.step == ticket.step else { return }
        deliver(reducer.insert(Vector(gradient), leaf: leaf))
    }

    private func apply(_ commit: Commit, _ gradient: [Float], _ ticket: WorkTicket) {
        cluster.checkLedgered(step: ticket.step, by: self)
        later(cluster.world.random(0.01...0.2)) { worker in
            worker.parameters = SimulatedTask.apply(
                gradient, to: worker.parameters, tokenCount: commit.tokenCount)
            if worker.parameters != worker.cluster.task.parameters(after: ticket.step) {
                worker.cluster.disk.faults.append(
                    "process \(worker.process) has a wrong state \(ticket.step)")
            }
            let digest = commit.skipsStateDigest ? [] : SimulatedTask.stateDigest(worker.parameters)
            worker.handle(.applied(Applied(stateDigest: digest, gradientNorm: 1), ticket))
        }
    }

    private func begin(_ plan: Plan, _ ticket: WorkTicket) {
        reduction = ticket
        roster = Dictionary(uniqueKeysWithValues: plan.participants.map { ($0.id, $0.dataEndpoint) })
        do {
            deliver(
                try reducer.start(
                    plan: plan, participant: machine.membership?.id ?? 0,
                    attempt: .init(
                        term: machine.membership?.term ?? 0, step: ticket.step,
                        generation: ticket.generation)))
        } catch {
            handle(.failed(code: 70, message: "\(error)"))
        }
    }

    private func receive(_ chunk: GradientChunk, isReduced: Bool, envelope: Envelope) {
        guard let membership = machine.membership, envelope.header.runID == membership.runID,
            envelope.header.term == membership.term, let payload = envelope.payload.first
        else { return }
        let outgoing = try? reducer.receive(
            Reducer.Incoming(
                sender: envelope.header.sender,
                attempt: .init(
                    term: membership.term, step: envelope.header.step,
                    generation: envelope.header.generation),
                isReduced: isReduced, chunk: chunk, elements: Vector(SimulatedCluster.floats(payload))))
        deliver(outgoing ?? [])
    }

    private func deliver(_ outgoing: [ReductionSession.Outgoing]) {
        guard let membership = machine.membership, let reduction else { return }
        for message in outgoing {
            let header = Envelope.Header(
                runID: membership.runID, term: membership.term, generation: reduction.generation,
                step: reduction.step, sender: membership.id)
            cluster.sendData(message, from: process, to: roster[message.peer], header: header)
        }
        guard let digest = reducer.gradientDigest, reported != reduction else { return }
        reported = reduction
        handle(
            .reduced(
                Prepared(
                    gradientDigest: digest, computeSeconds: 0, reduceSeconds: 0, exposedReduceSeconds: 0,
                    bytesSent: 0, bytesReceived: 0, peakResidentBytes: 0), reduction))
    }
}
