import Collectives
import Coordination
import Tensors
import WireProtocol

/// One life of the coordinator in the simulation: the real machine over a simulated disk.
final class SimulatedCoordinator {
    let cluster: SimulatedCluster
    let term: UInt64
    var disk: SimulatedDisk
    var machine: CoordinatorMachine
    var reducer: Reducer
    private(set) var isAlive = true
    private(set) var ending: RunEnding?
    private(set) var connections: [ConnectionID: SimulatedConnection] = [:]
    private var pausedUntil = 0.0
    private var deferred: [(SimulatedCoordinator) -> Void] = []
    private var heldState: [Float] = []
    private var incomingState: [Float] = []
    /// Whole and digested, until the machine has said whether it is wanted.
    private var arrivedState: [Float] = []
    private var snapshotStep: UInt64 = 0
    private var attempt: (step: UInt64, generation: UInt64)?
    private var roster: [UInt32: String] = [:]
    private var driverFree = 0.0
    /// What it writes next does not get to the disk, or not whole.
    var isDiskFull = false
    /// The status it ends with then.
    static let diskError: UInt32 = 74
    /// States sent, and the last one towards each worker.
    private var sendCount = 0
    private var latestSend: [ConnectionID: Int] = [:]

    init(cluster: SimulatedCluster, term: UInt64) {
        self.cluster = cluster
        self.term = term
        disk = cluster.disk
        var options = CoordinatorOptions(
            runID: 9, term: term, parameterCount: cluster.task.layout.parameterCount, baseDigest: "base")
        options.layout = cluster.task.layout
        options.minimumWorkers = cluster.minimumWorkers
        options.ledgerHead = UInt64(disk.ledger.count)
        for (index, line) in disk.ledger.enumerated() where index >= Int(disk.checkpoint.step) {
            options.ledgered[UInt64(index + 1)] = LedgeredStep(
                generation: line.generation, gradientDigest: line.gradientDigest,
                stateDigestBefore: line.stateDigestBefore, lossSum: line.lossSum, wasSkipped: false)
            options.lastWorkerCount = line.workerCount
        }
        if cluster.isStar {
            options.reducer = .init(id: 0, dataEndpoint: "sim://0", publicKey: "", leaves: [])
        }
        machine = CoordinatorMachine(options: options)
        reducer = Reducer(layout: cluster.task.layout)
        perform(machine.start())
        tick()
    }

    /// Whether this life ended before the run did, so that somebody has to resume it.
    var isToBeResumed: Bool {
        if case .interrupted? = ending { true } else { endedOfFullDisk }
    }
    var endedOfFullDisk: Bool {
        if case .failed(Self.diskError, _)? = ending { true } else { false }
    }
    var isPaused: Bool { pausedUntil > cluster.world.time }
    func pause(seconds: Double) { pausedUntil = cluster.world.time + seconds }
    func interrupt() { later(0) { $0.handle(.interrupt(reason: "test")) } }

    /// Its connections break; what its driver had not begun does not happen.
    func die() {
        isAlive = false
        cluster.breakConnections(to: self)
    }

    func accept(_ connection: SimulatedConnection) { connections[connection.id] = connection }

    func disconnected(_ id: ConnectionID) { later(0) { $0.handle(.disconnected(id)) } }

    func receive(_ envelope: Envelope, from connection: ConnectionID) {
        later(0) { $0.handle(.received(envelope, from: connection)) }
    }

    func receiveData(_ envelope: Envelope) {
        later(0) { coordinator in
            if case .partial(let chunk) = envelope.body { coordinator.receive(chunk, envelope: envelope) }
        }
    }

    private func tick() {
        later(0.5) { coordinator in
            coordinator.handle(.tick)
            coordinator.tick()
        }
    }

    private func later(_ seconds: Double, _ body: @escaping (SimulatedCoordinator) -> Void) {
        at(cluster.world.time + seconds, body)
    }

    /// The driver does one thing at a time.
    private func driver(_ body: @escaping (SimulatedCoordinator) -> Void) {
        driverFree = max(driverFree, cluster.world.time) + cluster.world.random(0.001...0.05)
        at(driverFree, body)
    }

    /// Something of the driver that writes to the disk.
    private func write(_ body: @escaping (SimulatedCoordinator) -> Void) {
        driver { coordinator in
            guard !coordinator.isDiskFull else {
                return coordinator.handle(
                    .driverFailed(code: Self.diskError, message: "no space left on device"))
            }
            body(coordinator)
        }
    }

    private func at(_ time: Double, _ body: @escaping (SimulatedCoordinator) -> Void) {
        cluster.world.at(time) { [weak self] in
            guard let self, isAlive else { return }
            if isPaused || !deferred.isEmpty { postpone(body) } else { body(self) }
        }
    }

    /// Keeps the order of what happens while the process is stopped.
    private func postpone(_ body: @escaping (SimulatedCoordinator) -> Void) {
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

    private func handle(_ event: CoordinatorMachine.Event) {
        if let trace = cluster.trace {
            if case .received(let envelope, let from) = event {
                trace("term \(term) gets from \(from.value) \(SimulatedCluster.text(envelope))")
            } else if case .tick = event {
            } else {
                trace("term \(term): \("\(event)".prefix(60))")
            }
        }
        perform(machine.handle(event, now: cluster.world.now))
    }

    private func perform(_ actions: [CoordinatorMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func send(_ envelope: Envelope, to id: ConnectionID) {
        guard let connection = connections[id], connection.isOpen else { return }
        var isPiece = false
        if case .stateChunk = envelope.body { isPiece = true }
        cluster.network.deliver(connection, \.toWorker, comesOnce: isPiece) { [cluster] in
            cluster.worker(connection.process)?.receive(envelope)
        }
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
            send(envelope, to: connection)
        case .sendState(let header, let connection):
            let digest = SimulatedTask.stateDigest(heldState)
            let pieces = SimulatedCluster.stateEnvelopes(heldState, header: header, digest: digest)
            sendCount += 1
            let count = sendCount
            latestSend[connection] = count
            send(pieces[0], to: connection)
            later(cluster.downloadSeconds) { coordinator in
                // Another state may be on its way instead.
                guard coordinator.latestSend[connection] == count else { return }
                coordinator.send(pieces[1], to: connection)
            }
        case .stopState(let connection): latestSend[connection] = nil
        case .loadState:
            driver { coordinator in
                let checkpoint = coordinator.disk.checkpoint
                coordinator.heldState = checkpoint.parameters
                coordinator.handle(
                    .stateLoaded(
                        step: checkpoint.step, digest: SimulatedTask.stateDigest(checkpoint.parameters)))
            }
        case .resume(let step, let digest, _): resume(step, digest)
        case .checkExchange(let step, let generation):
            guard let attempt, attempt == (step, generation), let awaited = reducer.awaited else { return }
            later(0.001) { $0.handle(.exchangeAwaits(awaited, step: step, generation: generation)) }
        case .prepareWork(let step):
            driver { coordinator in
                guard step <= task.stepCount else { return coordinator.handle(.workPrepared(nil)) }
                let leafCount = task.leafCount(step: step)
                coordinator.handle(
                    .workPrepared(
                        StepRequest(
                            step: step, leafCount: leafCount, supervisedTokenCount: Int64(10 * leafCount),
                            learningRate: 1, biasCorrection1: 1, biasCorrection2: 1,
                            digestsState: step % coordinator.cluster.digestEvery == 0)))
            }
        case .beginReduction(let plan, let step, let generation): begin(plan, step, generation)
        case .appendLedger(let record): append(record)
        case .stepFinished(let result): finish(result)
        case .prepareEvaluation: driver { $0.handle(.evaluationPrepared(leafCount: 7)) }
        case .evaluationFinished(_, let scores): finishEvaluation(scores)
        case .beginSnapshot(_, let step):
            incomingState = []
            snapshotStep = step
        case .storeSnapshotChunk(let chunk, let payload, let id): store(chunk, payload, from: id)
        case .holdSnapshot: heldState = arrivedState
        case .saveCheckpoint(let step):
            let state = heldState
            if state != task.parameters(after: step) {
                disk.faults.append("a wrong state was saved as that of step \(step)")
            }
            write { coordinator in
                coordinator.disk.checkpoint = (step, state)
                // Durable, although the coordinator may die before it knows.
                coordinator.later(0.002) { $0.handle(.checkpointSaved(step: step)) }
            }
        case .record(let event, let details):
            cluster.trace?("term \(term) records \(event) \(details)")
            if event == "replay" { disk.replayCount += 1 }
        case .ended(let ending): self.ending = ending
        }
    }

    // MARK: - The driver

    /// The line may be on disk although the coordinator dies before it knows.
    private func append(_ record: LedgerRecord) {
        let line = SimulatedDisk.Line(
            gradientDigest: record.gradientDigest, stateDigestBefore: record.stateDigestBefore,
            leafCount: record.leafWorkers.count, generation: record.generation, lossSum: record.lossSum,
            workerCount: Set(record.leafWorkers).count)
        if record.leafWorkers.contains(0) || line.leafCount != cluster.task.leafCount(step: record.step) {
            disk.faults.append("the micro-batches of step \(record.step) are not all accounted for")
        }
        write { coordinator in
            coordinator.disk.append(line, step: record.step)
            // Written whole, and fsync may fail.
            coordinator.write { coordinator in
                coordinator.disk.syncedLineCount = coordinator.disk.ledger.count
                coordinator.handle(.ledgerWritten(step: record.step))
            }
        }
    }

    private func finish(_ result: StepResult) {
        write { coordinator in
            let disk = coordinator.disk
            if let loss = disk.losses[result.step], loss.bitPattern != result.lossSum.bitPattern {
                disk.faults.append("step \(result.step) was replayed with another loss")
            }
            disk.losses[result.step] = result.lossSum
            disk.maximumGeneration = max(disk.maximumGeneration, result.generation)
            coordinator.cluster.didFinish(step: result.step)
            coordinator.handle(.decided(coordinator.agenda(after: result.step)))
        }
    }

    private func agenda(after step: UInt64) -> Agenda {
        let isLast = step == cluster.task.stepCount
        return Agenda(
            evaluate: step % 3 == 2 && !disk.evaluations.contains(step),
            checkpoint: step % cluster.checkpointEvery == 0 || isLast, finish: isLast)
    }

    /// Only the newest step's loss can be filled in, from the ledger.
    private func resume(_ step: UInt64, _ digest: [UInt8]) {
        driver { coordinator in
            let disk = coordinator.disk
            if step > UInt64(disk.ledger.count)
                || digest != SimulatedTask.stateDigest(coordinator.cluster.task.parameters(after: step))
            {
                disk.faults.append("the run was taken up from a wrong state \(step)")
            }
            let isComplete = (1...step).allSatisfy { one in
                disk.losses[one] != nil || one == step
            }
            guard isComplete else { return coordinator.handle(.resumed(step: step, nil)) }
            if disk.losses[step] == nil { disk.losses[step] = disk.ledger[Int(step) - 1].lossSum }
            disk.resumeCount += 1
            coordinator.handle(.resumed(step: step, coordinator.agenda(after: step)))
        }
    }

    private func finishEvaluation(_ scores: [[Evaluated.Score]]) {
        let task = cluster.task
        let step = machine.appliedStep
        let expected = (0..<7).map {
            SimulatedTask.loss(leaf: $0, step: 0, parameters: task.parameters(after: step))
        }
        if scores.map({ $0.first?.lossSum }) != expected { disk.faults.append("wrong evaluation") }
        write { coordinator in
            coordinator.disk.evaluations.insert(step)
            coordinator.disk.evaluationCount += 1
            let finish = step == task.stepCount
            coordinator.handle(
                .decided(
                    Agenda(
                        checkpoint: step % coordinator.cluster.checkpointEvery == 0 || finish, finish: finish)
                ))
        }
    }

    private func store(_ chunk: StateChunk, _ payload: [UInt8], from id: UInt32) {
        if chunk.elementOffset == 0 { incomingState = [] }
        guard Int(chunk.elementOffset) == incomingState.count else {
            return handle(.snapshotRefused(from: id, reason: "a piece came out of place"))
        }
        incomingState += SimulatedCluster.floats(payload)
        guard chunk.isLast else { return }
        let state = incomingState
        let step = snapshotStep
        later(cluster.digestSeconds) { coordinator in
            coordinator.arrivedState = state
            coordinator.handle(
                .snapshotReceived(from: id, step: step, digest: SimulatedTask.stateDigest(state)))
        }
    }

    // MARK: - Star

    private func begin(_ plan: Plan, _ step: UInt64, _ generation: UInt64) {
        attempt = (step, generation)
        roster = Dictionary(uniqueKeysWithValues: plan.participants.map { ($0.id, $0.dataEndpoint) })
        reducer.begin(leafCount: Int(plan.leafCount))
        do {
            deliver(
                try reducer.start(
                    plan: plan, participant: 0,
                    attempt: .init(term: term, step: step, generation: generation)))
        } catch {
            disk.faults.append("the coordinator's own plan: \(error)")
        }
    }

    private func receive(_ chunk: GradientChunk, envelope: Envelope) {
        guard envelope.header.term == term, let payload = envelope.payload.first else { return }
        let outgoing = try? reducer.receive(
            Reducer.Incoming(
                sender: envelope.header.sender,
                attempt: .init(
                    term: term, step: envelope.header.step, generation: envelope.header.generation),
                isReduced: false, chunk: chunk, elements: Vector(SimulatedCluster.floats(payload))))
        deliver(outgoing ?? [])
    }

    private func deliver(_ outgoing: [ReductionSession.Outgoing]) {
        guard let attempt else { return }
        for message in outgoing {
            let header = Envelope.Header(
                runID: 9, term: term, generation: attempt.generation, step: attempt.step, sender: 0)
            cluster.sendData(message, from: 0, to: roster[message.peer], header: header)
        }
    }
}
