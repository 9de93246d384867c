import Collectives
import Coordination
import Tensors
import WireProtocol

/// What outlives a coordinator: ledger, checkpoint, metrics.
struct SimulatedDisk {
    var ledger: [[UInt8]] = []
    var checkpoint: (step: UInt64, parameters: [Float])
    /// The loss of each finished step; a replayed one must give the same.
    var losses: [UInt64: Double] = [:]
    var maximumGeneration: UInt64 = 0
    var replayCount = 0
    var faults: [String] = []
    var evaluationCount = 0
}

/// One life of the coordinator in the simulation: the real machine over a simulated disk.
final class SimulatedCoordinator {
    let cluster: SimulatedCluster
    var machine: CoordinatorMachine
    var reducer: Reducer
    var isAlive = true
    private(set) var ending: RunEnding?
    private var pausedUntil = Duration.zero
    private var heldState: [Float] = []
    private var attempt: (step: UInt64, generation: UInt64)?
    private var driverFree = Duration.zero
    private let term: UInt64

    init(cluster: SimulatedCluster, term: UInt64) {
        self.cluster = cluster
        self.term = term
        var options = CoordinatorOptions(
            runID: 9, term: term, parameterCount: cluster.task.layout.parameterCount, baseDigest: "base")
        options.layout = cluster.task.layout
        options.minimumWorkers = cluster.minimumWorkers
        options.ledgerHead = UInt64(cluster.disk.ledger.count)
        if cluster.isStar {
            options.reducer = .init(id: 0, dataEndpoint: "sim://coordinator", publicKey: "", leaves: [])
        }
        machine = CoordinatorMachine(options: options)
        reducer = Reducer(layout: cluster.task.layout)
        perform(machine.start())
        tick()
    }

    func pause(seconds: Double) { pausedUntil = cluster.world.now + .seconds(seconds) }
    func interrupt() { later(0) { $0.handle(.interrupt(reason: "test")) } }

    func receive(_ envelope: Envelope, from connection: ConnectionID) {
        later(0) { coordinator in
            switch envelope.body {
            case .partial(let chunk): coordinator.receive(chunk, envelope: envelope)
            default: coordinator.handle(.received(envelope, from: connection))
            }
        }
    }

    private func tick() {
        later(0.5) { coordinator in
            coordinator.handle(.tick)
            coordinator.tick()
        }
    }

    private func later(_ seconds: Double, _ body: @escaping (SimulatedCoordinator) -> Void) {
        at(cluster.world.now + .seconds(seconds), body)
    }

    /// The driver does one thing at a time.
    private func driver(_ body: @escaping (SimulatedCoordinator) -> Void) {
        driverFree = max(driverFree, cluster.world.now) + .seconds(cluster.world.random(0.001...0.05))
        at(driverFree, body)
    }

    private func at(_ time: Duration, _ body: @escaping (SimulatedCoordinator) -> Void) {
        cluster.world.at(time) { [weak self] in
            guard let self, isAlive else { return }
            if pausedUntil > cluster.world.now { at(pausedUntil, body) } else { body(self) }
        }
    }

    private func handle(_ event: CoordinatorMachine.Event) {
        perform(machine.handle(event, now: cluster.world.now))
    }

    private func perform(_ actions: [CoordinatorMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: CoordinatorMachine.Action) {
        let task = cluster.task
        switch action {
        case .send(var envelope, let connection):
            switch envelope.body {
            case .assign(let assignment): envelope.payload = assignment.leaves.map { _ in [] }
            case .evaluate(let assignment): envelope.payload = assignment.leaves.map { _ in [] }
            default: break
            }
            cluster.sendToWorker(envelope, connection: connection)
        case .sendState(let header, let connection):
            cluster.sendToWorker(
                SimulatedCluster.stateEnvelope(
                    heldState, header: header, digest: task.stateDigest(heldState)),
                connection: connection)
        case .loadState:
            driver { coordinator in
                let checkpoint = coordinator.cluster.disk.checkpoint
                coordinator.heldState = checkpoint.parameters
                coordinator.handle(
                    .stateLoaded(step: checkpoint.step, digest: task.stateDigest(checkpoint.parameters)))
            }
        case .prepareWork(let step):
            driver { coordinator in
                guard step <= task.stepCount else { return coordinator.handle(.workPrepared(nil)) }
                let leafCount = task.leafCount(step: step)
                coordinator.handle(
                    .workPrepared(
                        StepRequest(
                            step: step, leafCount: leafCount, supervisedTokenCount: Int64(10 * leafCount),
                            learningRate: 1, biasCorrection1: 1, biasCorrection2: 1)))
            }
        case .beginReduction(let plan, let step, let generation):
            attempt = (step, generation)
            reducer.begin(leafCount: Int(plan.leafCount))
            do {
                deliver(
                    try reducer.start(
                        plan: plan, participant: 0, attempt: .init(step: step, generation: generation)))
            } catch {
                cluster.disk.faults.append("the coordinator's own plan: \(error)")
            }
        case .appendLedger(let record): append(record)
        case .stepFinished(let result):
            let disk = cluster.disk
            if let loss = disk.losses[result.step], loss.bitPattern != result.lossSum.bitPattern {
                cluster.disk.faults.append("step \(result.step) was replayed with another loss")
            }
            cluster.disk.losses[result.step] = result.lossSum
            cluster.disk.maximumGeneration = max(disk.maximumGeneration, result.generation)
            driver {
                $0.handle(
                    .decided(
                        Agenda(
                            evaluate: result.step % 3 == 2,
                            checkpoint: result.step % 2 == 0 || result.step == task.stepCount,
                            finish: result.step == task.stepCount)))
            }
        case .prepareEvaluation: driver { $0.handle(.evaluationPrepared(leafCount: 7)) }
        case .evaluationFinished(_, let scores):
            let expected = (0..<7).map {
                task.loss(
                    leaf: $0, step: 0, parameters: cluster.reference[Int(machine.appliedStep) - 1].parameters)
            }
            if scores.map({ $0.first?.lossSum }) != expected {
                cluster.disk.faults.append("wrong evaluation")
            }
            cluster.disk.evaluationCount += 1
            let finish = machine.appliedStep == task.stepCount
            let checkpoint = machine.appliedStep % 2 == 0 || finish
            driver { $0.handle(.decided(Agenda(checkpoint: checkpoint, finish: finish))) }
        case .beginSnapshot: break
        case .storeSnapshotChunk(_, let payload, let id):
            heldState = SimulatedCluster.floats(payload)
            let digest = task.stateDigest(heldState)
            let step = machine.appliedStep
            later(0.01) { $0.handle(.snapshotReceived(from: id, step: step, digest: digest)) }
        case .saveCheckpoint(let step):
            let state = heldState
            driver { coordinator in
                coordinator.cluster.disk.checkpoint = (step, state)
                coordinator.handle(.checkpointSaved(step: step))
            }
        case .record(let event, _): if event == "replay" { cluster.disk.replayCount += 1 }
        case .ended(let ending): self.ending = ending
        }
    }

    /// The line may be on disk although the coordinator dies before it knows.
    private func append(_ record: LedgerRecord) {
        let cluster = cluster
        let write = {
            if record.step <= cluster.disk.ledger.count {
                if cluster.disk.ledger[Int(record.step) - 1] != record.gradientDigest {
                    cluster.disk.faults.append("step \(record.step) was replayed with another gradient")
                }
            } else if record.step == cluster.disk.ledger.count + 1 {
                cluster.disk.ledger.append(record.gradientDigest)
            } else {
                cluster.disk.faults.append("step \(record.step) after \(cluster.disk.ledger.count)")
            }
        }
        if cluster.world.chance(0.5) {
            write()
            driver { $0.handle(.ledgerWritten(step: record.step)) }
        } else {
            driver {
                write()
                $0.handle(.ledgerWritten(step: record.step))
            }
        }
    }

    private func receive(_ chunk: GradientChunk, envelope: Envelope) {
        guard envelope.header.term == term, let payload = envelope.payload.first else { return }
        let outgoing = try? reducer.receive(
            Reducer.Incoming(
                sender: envelope.header.sender,
                attempt: .init(step: envelope.header.step, generation: envelope.header.generation),
                isReduced: false, chunk: chunk, elements: Vector(SimulatedCluster.floats(payload))))
        deliver(outgoing ?? [])
    }

    private func deliver(_ outgoing: [ReductionSession.Outgoing]) {
        guard let attempt else { return }
        for message in outgoing {
            cluster.sendData(
                message, from: nil,
                header: Envelope.Header(
                    runID: 9, term: term, generation: attempt.generation, step: attempt.step, sender: 0))
        }
    }
}
