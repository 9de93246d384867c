import Coordination
import Dispatch
import FaultPoints
import Tensors
import Training
import Transports
import WireProtocol

/// The coordinator's machine on its I/O thread: feeds it messages, time and the driver's answers, and does what it
/// says. Parts: `+Driver` (what blocks on a disk), `+State` (snapshots, either way).
final class CoordinatorLoop {
    let io: IOThread
    let sockets: any CoordinatorLinks
    let settings: CoordinatorService.Settings
    let driver: any RunDriver
    /// One call of the driver after the other, off the I/O thread.
    let driverQueue: DispatchQueue
    private let finish: (RunEnding) -> Void
    private let start = ContinuousClock.now
    private var machine: CoordinatorMachine
    /// The step under way, and the one behind it as soon as the driver has made it.
    var work: [UInt64: StepWork] = [:]
    var evaluation: [MicroBatch] = []
    /// The state that newcomers and checkpoints get.
    var held: (snapshot: StateSnapshot, digest: [UInt8])?
    /// A snapshot that is whole, until the machine has said whether it is wanted.
    var arrived: (snapshot: StateSnapshot, digest: [UInt8])?
    var receiver = StateReceiver(parameterCount: 0)
    var stepOfSnapshot: UInt64 = 0
    var senders: [ConnectionID: StateSender] = [:]
    /// Under `collective: star`.
    private var reduction: ReductionQueue?
    /// Chunks of other runs or lives of the coordinator, under `collective: star`.
    private var strayMessageCount: UInt64 = 0
    /// Whatever workers do, events.jsonl grows by a kilobyte a second at most, once its beginning is written.
    private var events = RateLimiter(burst: 10_000, perSecond: 10)
    private var logOfDrops = RateLimiter.ofLogLines
    /// What the last event "dropped" said, and when.
    private var reportedDrops: (details: [String: String], at: ContinuousClock.Instant)?
    lazy var bound = io.bind(self)
    /// Gives the base to workers that lack it.
    private lazy var seeder = BaseSeeder(
        io: io, sockets: sockets, files: settings.baseFiles, baseDigest: machine.options.baseDigest,
        log: settings.log
    ) { [weak self] in self?.record($0, $1) }

    init(
        io: IOThread, sockets: any CoordinatorLinks, settings: CoordinatorService.Settings,
        options: CoordinatorOptions, driver: any RunDriver, driverQueue: DispatchQueue,
        finish: @escaping (RunEnding) -> Void
    ) {
        self.io = io
        self.sockets = sockets
        self.settings = settings
        self.driver = driver
        self.driverQueue = driverQueue
        self.finish = finish
        machine = CoordinatorMachine(options: options)
        guard options.reducer != nil else { return }
        let bound = bound
        let loop = io.loop
        reduction = ReductionQueue(layout: options.layout, engine: nil) { output in
            loop.post { io in bound(io).didOutput(output) }
        }
    }

    func begin() {
        perform(machine.start())
        tick()
    }

    /// Whether a worker is still there to be told how the run ended.
    var hasConnections: Bool { sockets.hasConnections }

    /// Closes the sockets once what was said last is on its way.
    func close() { sockets.close() }

    /// A message of a worker, or of one that fetches the base to become one.
    func receiveControl(_ envelope: Envelope, from connection: ConnectionID) {
        if !seeder.take(envelope, from: connection) { handle(.received(envelope, from: connection)) }
    }

    func didDisconnect(_ connection: ConnectionID) {
        seeder.disconnect(connection)
        handle(.disconnected(connection))
    }

    /// There is room again in the queue to a worker.
    func flush(_ connection: ConnectionID) {
        seeder.flush(connection)
        sendChunks(to: connection)
    }

    func handle(_ event: CoordinatorMachine.Event) {
        if case .received(let envelope, _) = event, case .applied = envelope.body {
            FaultPoint.appliedReceived.pass()
        }
        perform(machine.handle(event, now: start.duration(to: .now)))
    }

    /// A chunk of a gradient, under `collective: star`.
    func receive(_ envelope: Envelope) {
        guard case .partial(let chunk) = envelope.body, envelope.header.runID == driver.runID,
            envelope.header.term == driver.term, let payload = envelope.payload.first
        else { return strayMessageCount += 1 }
        reduction?.receive(chunk, isReduced: false, header: envelope.header, payload: payload)
    }

    private func tick() {
        guard !machine.hasEnded else { return }
        handle(.tick)
        seeder.tick()
        reportDrops()
        io.schedule(after: settings.tickInterval) { [weak self] in self?.tick() }
    }

    /// What the coordinator's sockets, machine and reduction turned away so far.
    var drops: (messages: UInt64, connections: UInt64) {
        let counts = sockets.counts
        let messages =
            UInt64(counts.messagesDropped) + strayMessageCount + machine.droppedMessageCount
            + (reduction?.droppedChunkCount ?? 0)
        return (messages, UInt64(counts.connectionsRefused))
    }

    /// An event of what was dropped since the start, when that has changed and a while has passed.
    private func reportDrops(isLast: Bool = false) {
        let counts = sockets.counts
        let (messages, connections) = drops
        guard messages + connections + events.refusedCount > 0 else { return }
        let details = [
            "messages": "\(messages)", "malformed": "\(counts.malformed)", "strangers": "\(counts.strangers)",
            "connections": "\(connections)", "handshake_failures": "\(counts.handshakeFailures)",
            "denied": "\(counts.denied)", "events": "\(events.refusedCount)",
        ]
        if let reported = reportedDrops {
            guard reported.details != details, isLast || .now - reported.at > .seconds(10) else { return }
        }
        reportedDrops = (details, .now)
        driverQueue.async { [driver] in driver.record(event: "dropped", details: details) }
    }

    private func didOutput(_ output: ReductionQueue.Output) {
        switch output {
        case .send(let envelope, let peer): sockets.sendData(envelope, to: peer)
        case .failed(let error): handle(.driverFailed(code: 70, message: "\(error)"))
        case .dropped(let reason): if logOfDrops.admits() { settings.log("dropped: \(reason)") }
        case .awaits(let awaited, let ticket):
            handle(.exchangeAwaits(awaited, step: ticket.step, generation: ticket.generation))
        case .computed, .cancelled, .reduced, .released: break
        }
    }

    private func perform(_ actions: [CoordinatorMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: CoordinatorMachine.Action) {
        switch action {
        case .send(let envelope, let connection): send(envelope, to: connection)
        case .sendState(let header, let connection): sendState(header, to: connection)
        case .stopState(let connection): senders[connection] = nil
        case .loadState: loadState()
        case .resume(let step, let digest, let norm): resume(step: step, digest: digest, gradientNorm: norm)
        case .prepareWork(let step): prepareWork(step: step)
        case .checkExchange(let step, let generation):
            reduction?.checkExchange(WorkTicket(session: 0, step: step, generation: generation))
        case .beginReduction(let plan, let step, let generation):
            let ticket = WorkTicket(session: 0, step: step, generation: generation)
            sockets.setRoster(plan.participants.filter { $0.id != 0 })
            reduction?.beginStep(leafCount: Int(plan.leafCount), ticket: ticket)
            reduction?.beginReduction(
                plan: plan,
                header: Envelope.Header(
                    runID: driver.runID, term: driver.term, generation: generation, step: step),
                ticket: ticket)
        case .appendLedger(let record): append(record)
        case .stepFinished(let result): finishStep(result)
        case .prepareEvaluation: prepareEvaluation()
        case .evaluationFinished(let step, let scores): finishEvaluation(step: step, scores: scores)
        case .beginSnapshot(_, let step):
            held = nil
            receiver = StateReceiver(parameterCount: driver.parameterCount)
            stepOfSnapshot = step
            onDriver({ try $0.willSaveCheckpoint(step: step) }) { _, _ in }
        case .storeSnapshotChunk(let chunk, let payload, let id): store(chunk, payload: payload, from: id)
        case .holdSnapshot: held = arrived
        case .saveCheckpoint(let step): saveCheckpoint(step: step)
        case .record(let event, let details):
            record(event, details)
        case .ended(let ending):
            reportDrops(isLast: true)
            senders.removeAll()
            seeder.end(reason: "the run is over")
            finish(ending)
        }
    }

    private func record(_ event: String, _ details: [String: String]) {
        guard events.admits() else { return }
        driverQueue.async { [driver] in driver.record(event: event, details: details) }
    }

    /// Adds the micro-batches that the machine only counts, and who fetches the base, which it does not know.
    private func send(_ envelope: Envelope, to connection: ConnectionID) {
        var envelope = envelope
        switch envelope.body {
        case .assign(let assignment):
            guard let batches = work[envelope.header.step]?.microBatches else { return }
            envelope.payload = assignment.leaves.map { MicroBatchCoding.encode(batches[Int($0)]) }
        case .evaluate(let assignment):
            envelope.payload = assignment.leaves.map { MicroBatchCoding.encode(evaluation[Int($0)]) }
        case .statusReport(var report):
            let place = report.members.firstIndex { $0.state == .lost } ?? report.members.count
            report.members.insert(
                contentsOf: seeder.fetching.prefix(MessageLimits.participantCount / 2), at: place)
            envelope.body = .statusReport(report)
        case .finish, .errorReport: senders[connection] = nil
        default: break
        }
        _ = sockets.sendControl(envelope, to: connection)
    }
}
