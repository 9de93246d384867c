import Collectives
import Coordination
import Tensors
import WireProtocol

/// A worker process of the simulation: the real machine and the real reducer over simulated computations.
final class SimulatedWorker {
    let connection: ConnectionID
    let cluster: SimulatedCluster
    var machine: WorkerMachine
    var reducer: Reducer
    var parameters: [Float] = []
    var isAlive = true
    private(set) var ending: WorkerEnding?
    private var incomingState: [UInt8] = []
    private var step: WorkTicket?
    private var reduction: WorkTicket?
    private var leafCount = 0
    private let secondsPerLeaf: Double
    /// Until then nothing of it runs (SIGSTOP); what arrives waits.
    private var pausedUntil = Duration.zero

    init(connection: ConnectionID, cluster: SimulatedCluster) {
        self.connection = connection
        self.cluster = cluster
        reducer = Reducer(layout: cluster.task.layout)
        secondsPerLeaf = cluster.world.random(0.05...0.6)
        machine = WorkerMachine(
            options: .init(
                register: Register(
                    shoalVersion: "test", host: "host", processID: UInt32(connection.value),
                    baseDigest: "base",
                    numerics: NumericsFingerprint(blas: "b", core: "c", kernels: "k"),
                    threadCount: UInt32(1 + connection.value % 2), dataEndpoint: "sim://\(connection.value)",
                    publicKey: "")))
        perform(machine.start(now: cluster.world.now))
        tick()
    }

    func pause(seconds: Double) { pausedUntil = cluster.world.now + .seconds(seconds) }

    func receive(_ envelope: Envelope) {
        later(0) { worker in
            switch envelope.body {
            case .partial(let chunk): worker.receive(chunk, isReduced: false, envelope: envelope)
            case .reduced(let chunk): worker.receive(chunk, isReduced: true, envelope: envelope)
            default: worker.handle(.received(envelope))
            }
        }
    }

    private func tick() {
        later(0.5) { worker in
            worker.handle(.tick)
            worker.tick()
        }
    }

    /// Runs when the process is not stopped, and not at all once it is dead.
    private func later(_ seconds: Double, _ body: @escaping (SimulatedWorker) -> Void) {
        at(cluster.world.now + .seconds(seconds), body)
    }

    private func at(_ time: Duration, _ body: @escaping (SimulatedWorker) -> Void) {
        cluster.world.at(time) { [weak self] in
            guard let self, isAlive else { return }
            if pausedUntil > cluster.world.now { at(pausedUntil, body) } else { body(self) }
        }
    }

    private func handle(_ event: WorkerMachine.Event) {
        perform(machine.handle(event, now: cluster.world.now))
    }

    private func perform(_ actions: [WorkerMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: WorkerMachine.Action) {
        let world = cluster.world
        let task = cluster.task
        switch action {
        case .send(let envelope): cluster.sendToCoordinator(envelope, from: connection)
        case .buildEngine(let welcome):
            later(world.random(0.1...3)) {
                $0.handle(.engineBuilt(parameterCount: Int(welcome.parameterCount)))
            }
        case .storeStateChunk(_, let payload): incomingState = payload
        case .installState(let step):
            let bytes = incomingState
            later(world.random(0.01...0.2)) { worker in
                worker.parameters = SimulatedCluster.floats(bytes)
                worker.reducer.reset()
                worker.handle(.stateInstalled(step: step, digest: task.stateDigest(worker.parameters)))
            }
        case .beginStep(let leafCount, let ticket):
            step = ticket
            self.leafCount = leafCount
            reducer.begin(leafCount: leafCount)
        case .compute(let leaf, _, let ticket):
            later(secondsPerLeaf * world.random(0.8...1.6)) { $0.didCompute(Int(leaf), ticket: ticket) }
        case .beginReduction(let plan, let ticket):
            reduction = ticket
            do {
                deliver(
                    try reducer.start(
                        plan: plan, participant: machine.membership?.id ?? 0,
                        attempt: .init(step: ticket.step, generation: ticket.generation)))
            } catch {
                handle(.failed(code: 70, message: "\(error)"))
            }
        case .abandonReduction:
            reduction = nil
            reducer.abandon()
        case .apply(let commit, let ticket):
            let reduced = reducer.reduced.toArray()
            later(world.random(0.01...0.2)) { worker in
                worker.parameters = task.apply(reduced, to: worker.parameters, tokenCount: commit.tokenCount)
                worker.handle(
                    .applied(
                        Applied(stateDigest: task.stateDigest(worker.parameters), gradientNorm: 1), ticket))
            }
        case .score(let leaf, _, let ticket):
            later(secondsPerLeaf) { worker in
                let loss = task.loss(leaf: Int(leaf), step: 0, parameters: worker.parameters)
                worker.handle(
                    .evaluated(
                        Evaluated(
                            leaf: leaf, scores: [.init(lossSum: loss, tokenCount: 3, greedyMatches: 1)]),
                        ticket))
            }
        case .sendState(var header, let digest):
            header.sender = machine.membership?.id ?? 0
            cluster.sendToCoordinator(
                SimulatedCluster.stateEnvelope(parameters, header: header, digest: digest), from: connection)
        case .log, .cancelWork: break
        case .ended(let ending):
            self.ending = ending
            isAlive = false
        }
    }

    private func didCompute(_ leaf: Int, ticket: WorkTicket) {
        let task = cluster.task
        let gradient = task.gradient(leaf: leaf, step: ticket.step, parameters: parameters)
        let report = LeafComputed(
            leaf: UInt32(leaf), lossSum: task.loss(leaf: leaf, step: ticket.step, parameters: parameters),
            tokenCount: 10, seconds: secondsPerLeaf, isFinite: true)
        handle(.computed(report, ticket))
        guard step?.session == ticket.session, step?.step == ticket.step else { return }
        deliver(reducer.insert(Vector(gradient), leaf: leaf))
    }

    private func receive(_ chunk: GradientChunk, isReduced: Bool, envelope: Envelope) {
        guard let membership = machine.membership, envelope.header.runID == membership.runID,
            envelope.header.term == membership.term, let payload = envelope.payload.first
        else { return }
        let outgoing = try? reducer.receive(
            Reducer.Incoming(
                sender: envelope.header.sender,
                attempt: .init(step: envelope.header.step, generation: envelope.header.generation),
                isReduced: isReduced, chunk: chunk, elements: Vector(SimulatedCluster.floats(payload))))
        deliver(outgoing ?? [])
    }

    private func deliver(_ outgoing: [ReductionSession.Outgoing]) {
        guard let membership = machine.membership, let reduction else { return }
        for message in outgoing {
            cluster.sendData(
                message, from: connection,
                header: Envelope.Header(
                    runID: membership.runID, term: membership.term, generation: reduction.generation,
                    step: reduction.step, sender: membership.id))
        }
        if let digest = reducer.gradientDigest {
            handle(
                .reduced(
                    Prepared(
                        gradientDigest: digest, computeSeconds: 0, reduceSeconds: 0, exposedReduceSeconds: 0,
                        bytesSent: 0, bytesReceived: 0, peakResidentBytes: 0), reduction))
        }
    }
}
