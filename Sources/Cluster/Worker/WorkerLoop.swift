import Coordination
import Dispatch
import FaultPoints
import Tensors
import Training
import Transports
import WireProtocol

/// The worker's machine on its I/O thread: feeds it messages, time and results, and does what it says.
final class WorkerLoop {
    private let io: IOThread
    private let sockets: any WorkerLinks
    private let settings: WorkerService.Settings
    private let makeEngine: @Sendable (Welcome) throws -> any WorkerEngine
    private let finish: (WorkerEnding) -> Void
    private let start = ContinuousClock.now
    private var machine: WorkerMachine
    private var engine: (any WorkerEngine)?
    private var reduction: ReductionQueue?
    private var receiver = StateReceiver(parameterCount: 0)
    private var sender: StateSender?
    /// Messages of other runs or lives of the coordinator, and chunks before there is a gradient.
    private var strayMessageCount: UInt64 = 0
    private var logOfDrops = RateLimiter.ofLogLines
    private lazy var bound = io.bind(self)

    /// - Parameter finish: called once, with the end of the worker's part.
    init(
        io: IOThread, sockets: any WorkerLinks, settings: WorkerService.Settings,
        makeEngine: @escaping @Sendable (Welcome) throws -> any WorkerEngine,
        finish: @escaping (WorkerEnding) -> Void
    ) {
        self.io = io
        self.sockets = sockets
        self.settings = settings
        self.makeEngine = makeEngine
        self.finish = finish
        var options = WorkerMachine.Options(register: settings.register)
        sockets.complete(&options.register)
        options.orphanTimeout = settings.orphanTimeout
        machine = WorkerMachine(options: options)
    }

    func begin() {
        perform(machine.start(now: now))
        tick()
    }

    /// Closes the sockets once what was said last is on its way.
    func close() { sockets.close() }

    func handle(_ event: WorkerMachine.Event) { perform(machine.handle(event, now: now)) }

    /// A chunk of a gradient from a peer; those of other runs and lives of the coordinator are dropped.
    func receive(_ envelope: Envelope) {
        guard let membership = machine.membership, envelope.header.runID == membership.runID,
            envelope.header.term == membership.term, let payload = envelope.payload.first, let reduction
        else {
            strayMessageCount += 1
            return
        }
        switch envelope.body {
        case .partial(let chunk):
            reduction.receive(chunk, isReduced: false, header: envelope.header, payload: payload)
        case .reduced(let chunk):
            reduction.receive(chunk, isReduced: true, header: envelope.header, payload: payload)
        default: strayMessageCount += 1
        }
    }

    private var now: Duration { start.duration(to: .now) }

    private func tick() {
        guard !machine.hasEnded else { return }
        handle(.tick)
        io.schedule(after: settings.tickInterval) { [weak self] in self?.tick() }
    }

    private func perform(_ actions: [WorkerMachine.Action]) {
        var computes = false
        for action in actions {
            perform(action)
            if case .compute = action { computes = true }
        }
        if computes { reduction?.startComputing() }
    }

    private func perform(_ action: WorkerMachine.Action) {
        switch action {
        case .send(let envelope): _ = sockets.sendControl(envelope)
        case .buildEngine(let welcome): build(for: welcome)
        case .storeStateChunk(let chunk, let payload):
            do {
                try receiver.take(chunk, payload: payload)
            } catch {
                handle(.stateBroken(reason: "\(error)"))
            }
            FaultPoint.stateReceived.pass()
        case .installState(let step, let keepsReduction):
            install(step: step, keepsReduction: keepsReduction)
        case .digestState(let step): digestState(step: step)
        case .beginStep(let leafCount, let ticket): reduction?.beginStep(leafCount: leafCount, ticket: ticket)
        case .compute(let leaf, let frame, let ticket):
            reduction?.compute(leaf: leaf, frame: frame, ticket: ticket)
        case .beginReduction(let plan, let ticket):
            guard let membership = machine.membership else { return }
            sockets.setRoster(plan.participants.filter { $0.id != membership.id })
            reduction?.beginReduction(
                plan: plan,
                header: Envelope.Header(
                    runID: membership.runID, term: membership.term, generation: ticket.generation,
                    step: ticket.step, sender: membership.id), ticket: ticket)
        case .release(let leaves, let ticket): reduction?.release(leaves: leaves, ticket: ticket)
        case .checkExchange(let ticket): reduction?.checkExchange(ticket)
        case .abandonReduction: reduction?.abandonReduction()
        case .cancelWork: reduction?.cancelWork()
        case .apply(let commit, let ticket):
            if let reduction { apply(commit, reduction.reducedGradient, ticket: ticket) }
        case .keepGradient(let step): reduction?.keepGradient(ofStep: step)
        case .applyKept(let commit, let ticket): applyKept(commit, ticket: ticket)
        case .dropGradients(let steps): reduction?.dropGradients(ofSteps: steps)
        case .score(let leaf, let frame, let ticket): score(leaf: leaf, frame: frame, ticket: ticket)
        case .sendState(let header, let digest): copyState(header, digest: digest)
        case .log(let line): settings.log(line)
        case .ended(let ending):
            sender = nil
            finish(ending)
        }
    }

    /// Copies the state, which is sent while steps go on. Not on this thread: that of a whole base takes seconds, in which no
    /// heartbeat would leave.
    private func copyState(_ header: Envelope.Header, digest: [UInt8]) {
        guard let engine else { return handle(.stateCopied) }
        let (parameters, firstMoments, secondMoments) = engine.stateVectors
        let bound = bound
        let loop = io.loop
        DispatchQueue.global().async {
            let copy = StateSnapshot(
                step: header.step, parameters: parameters.copied(), firstMoments: firstMoments.copied(),
                secondMoments: secondMoments.copied())
            loop.post { io in bound(io).didCopyState(copy, header: header, digest: digest) }
        }
    }

    private func didCopyState(_ copy: StateSnapshot, header: Envelope.Header, digest: [UInt8]) {
        guard !machine.hasEnded else { return }
        sender = StateSender(copy, header: header, digest: digest)
        handle(.stateCopied)
        sendState()
    }

    private func fail(_ error: any Error, code: UInt32? = nil) {
        handle(.failed(code: code ?? settings.statusOfError(error), message: "\(error)"))
    }

    private func build(for welcome: Welcome) {
        let bound = bound
        let loop = io.loop
        DispatchQueue.global().async { [makeEngine] in
            let result = Result { try makeEngine(welcome) }
            loop.post { io in bound(io).didBuild(result) }
        }
    }

    private func didBuild(_ result: Result<any WorkerEngine, any Error>) {
        switch result {
        case .failure(let error): fail(error)
        case .success(let engine):
            guard engine.parameterCount > 0 else {
                return handle(.failed(code: 65, message: "the model built here has nothing to train"))
            }
            self.engine = engine
            receiver = StateReceiver(parameterCount: engine.parameterCount)
            let bound = bound
            let loop = io.loop
            reduction = ReductionQueue(
                layout: ChunkLayout(parameterCount: engine.parameterCount), engine: engine
            ) { output in
                loop.post { io in bound(io).didOutput(output) }
            }
            handle(.engineBuilt(parameterCount: engine.parameterCount))
        }
    }

    private func didOutput(_ output: ReductionQueue.Output) {
        switch output {
        case .send(let envelope, let peer): sockets.sendData(envelope, to: peer)
        case .computed(let report, let ticket): handle(.computed(report, ticket))
        case .cancelled(let ticket): handle(.cancelled(ticket))
        case .reduced(var prepared, let ticket):
            let counts = sockets.counts
            prepared.messagesDropped =
                UInt64(counts.messagesDropped) + strayMessageCount + machine.droppedMessageCount
                + (reduction?.droppedChunkCount ?? 0)
            prepared.connectionsRefused = UInt64(counts.connectionsRefused)
            handle(.reduced(prepared, ticket))
        case .released(let leaves, let ticket): handle(.released(leaves, ticket))
        case .awaits(let awaited, let ticket): handle(.exchangeAwaits(awaited, ticket))
        case .failed(let error): fail(error)
        case .dropped(let reason): if logOfDrops.admits() { settings.log("dropped: \(reason)") }
        }
    }

    /// Between the engine's computations and the reducer's: nothing else reads or writes the state then.
    private func install(step: UInt64, keepsReduction: Bool) {
        sender = nil
        guard let engine, let reduction, let snapshot = receiver.snapshot(step: step) else { return }
        receiver = StateReceiver(parameterCount: engine.parameterCount)
        if !keepsReduction { reduction.reset() }
        let bound = bound
        let loop = io.loop
        reduction.async {
            engine.install(snapshot)
            let digest = engine.stateDigest()
            loop.post { io in bound(io).handle(.stateInstalled(step: step, digest: digest)) }
        }
    }

    private func digestState(step: UInt64) {
        guard let engine, let reduction else { return }
        let bound = bound
        let loop = io.loop
        reduction.async {
            let digest = engine.stateDigest()
            loop.post { io in bound(io).handle(.stateDigested(step: step, digest: digest)) }
        }
    }

    private func apply(_ commit: Commit, _ gradient: Vector, ticket: WorkTicket) {
        guard let engine else { return }
        FaultPoint.commitReceived.pass()
        let bound = bound
        let loop = io.loop
        engine.submitApply(commit, reducedGradient: gradient, step: ticket.step) { result in
            FaultPoint.applied.pass()
            loop.post { io in
                switch result {
                case .success(let applied): bound(io).handle(.applied(applied, ticket))
                case .failure(let error): bound(io).fail(error)
                }
            }
        }
    }

    private func applyKept(_ commit: Commit, ticket: WorkTicket) {
        let bound = bound
        let loop = io.loop
        reduction?.takeGradient(ofStep: ticket.step) { gradient in
            loop.post { io in bound(io).apply(commit, gradient, ticket: ticket) }
        }
    }

    private func score(leaf: UInt32, frame: [UInt8], ticket: WorkTicket) {
        guard let engine else { return }
        let bound = bound
        let loop = io.loop
        do {
            let batch = try MicroBatchCoding.decode(frame, vocabularyCount: engine.vocabularyCount)
            engine.submitScores(of: batch) { result in
                loop.post { io in
                    switch result {
                    case .success(let scores):
                        bound(io).handle(.evaluated(Evaluated(leaf: leaf, scores: scores), ticket))
                    case .failure(let error): bound(io).fail(error)
                    }
                }
            }
        } catch {
            fail(error)
        }
    }

    /// A chunk a turn, so that heartbeats and everything else get theirs; goes on when there is room.
    func sendState() {
        guard let envelope = sender?.current else {
            sender = nil
            return
        }
        FaultPoint.snapshotSent.pass()
        guard sockets.sendControl(envelope) else { return }
        sender?.advance()
        io.schedule(after: .zero) { [weak self] in self?.sendState() }
    }
}
