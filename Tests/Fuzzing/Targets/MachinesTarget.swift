import Collectives
import Coordination
import Tensors
import WireProtocol

/// The coordinator's machine and a reducer, fed whatever well-formed messages hostile workers may send: the bytes of the
/// input choose events and their numbers.
public final class MachinesTarget: FuzzTarget {
    public static let name = "machines"
    public let corpus: [FuzzInput]
    private static let parameterCount = 100
    private static let leafCount = 4

    public init(_ workspace: FuzzWorkspace) throws {
        var random = FuzzRandom(seed: 7)
        corpus =
            try workspace.stored(Self.name)
            + (0..<40).map { FuzzInput([.init("events", random.bytes(50 + 20 * $0))]) }
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        var play = Play(bytes: input.parts[0].bytes)
        play.run()
        return play.ledger.count > 0
    }

    /// One run of the machines.
    private struct Play {
        private var bytes: ArraySlice<UInt8>
        private var machine: CoordinatorMachine
        private var reducer = Reducer(layout: ChunkLayout(parameterCount: MachinesTarget.parameterCount))
        private var now = Duration.zero
        private var step: UInt64 = 0
        private var generation: UInt64 = 0
        /// Actions that wait for the driver's answer.
        private var asked: [CoordinatorMachine.Action] = []
        /// Ids given in welcomes, by connection.
        private var ids: [UInt64: UInt32] = [:]
        /// Leaves of the present plan, by connection.
        private var leaves: [UInt64: [UInt32]] = [:]
        /// Steps whose lines were asked for.
        private(set) var ledger: [UInt64] = []

        init(bytes: [UInt8]) {
            self.bytes = bytes[...]
            var options = CoordinatorOptions(
                runID: 1, term: 1, parameterCount: MachinesTarget.parameterCount, baseDigest: "b")
            options.minimumWorkers = 1
            options.skipsNonFiniteSteps = true
            machine = CoordinatorMachine(options: options)
            asked = machine.start()
        }

        mutating func run() {
            // Two workers that behave at first, so that there is a step to disturb.
            for connection in [1, 2] as [UInt64] {
                take(.received(register(), from: ConnectionID(connection)))
            }
            answerAll()
            for connection in [1, 2] as [UInt64] {
                sayHonestly(.stateLoaded(StateLoaded(stateDigest: [])), connection)
            }
            for _ in 0..<3 { answerAll() }
            while !bytes.isEmpty, !machine.hasEnded { event() }
        }

        private mutating func byte() -> Int { Int(bytes.popFirst() ?? 0) }

        /// Mostly a small number, at times an extreme.
        private mutating func number() -> UInt64 {
            let value = byte()
            switch value {
            case 250: return .max
            case 251: return .max - 1
            case 252: return 1 << 63
            case 253: return UInt64(UInt32.max)
            case 254: return 1 << 32
            case 255: return 65_535
            default: return UInt64(value % 7)
            }
        }

        private mutating func word() -> UInt32 { UInt32(truncatingIfNeeded: number()) }

        private mutating func real() -> Double {
            [0.01, 1, 0, -1, .infinity, .nan, 1e308, .leastNonzeroMagnitude][byte() % 8]
        }

        private mutating func digest() -> [UInt8] { byte() % 8 == 1 ? [UInt8(byte())] : [9] }

        private mutating func event() {
            let connection = UInt64(1 + byte() % 4)
            switch byte() % 24 {
            case 0: take(.received(register(), from: ConnectionID(connection)))
            case 1: take(.disconnected(ConnectionID(connection)))
            case 2:
                now += .milliseconds(100 * (1 + byte() % 20))
                take(.tick)
            case 3, 4, 5: answerAll()
            case 6: say(.stateLoaded(StateLoaded(stateDigest: byte() % 2 == 0 ? [] : digest())), connection)
            case 7, 8, 9:
                let report = LeafComputed(
                    leaf: word(), lossSum: real(),
                    tokenCount: byte() % 3 == 0 ? Int64(truncatingIfNeeded: number()) : 10,
                    seconds: real(), isFinite: byte() % 8 != 0)
                say(.leafComputed(report), connection)
            case 10, 11:
                say(
                    .prepared(
                        Prepared(
                            gradientDigest: digest(), computeSeconds: real(), reduceSeconds: real(),
                            exposedReduceSeconds: real(), bytesSent: number(), bytesReceived: number(),
                            peakResidentBytes: number(), messagesDropped: number(),
                            connectionsRefused: number())),
                    connection)
            case 12, 13: say(.applied(Applied(stateDigest: digest(), gradientNorm: real())), connection)
            case 14:
                let scores = (0..<byte() % 4).map { _ in
                    Evaluated.Score(lossSum: real(), tokenCount: word(), greedyMatches: word())
                }
                say(.evaluated(Evaluated(leaf: word(), scores: scores)), connection)
            case 15:
                let chunk = StateChunk(
                    section: .parameters, elementOffset: number(), elementCount: word(),
                    sectionElementCount: number(),
                    checksum: word(), isLast: byte() % 2 == 0, stateDigest: digest())
                say(.stateChunk(chunk), connection, payload: byte() % 2 == 0 ? [[1, 2, 3, 4]] : [])
            case 16: say(.heartbeat(Heartbeat(sequence: number())), connection)
            case 17: say(.leave(Leave(reason: "x", drains: byte() % 2 == 0)), connection)
            case 18:
                say(.errorReport(ErrorReport(code: byte() == 0 ? 65 : 74, message: "x")), connection)
            case 19, 20: finishStep()
            case 21:
                let report = ExchangeStalled(
                    partialsFrom: (0..<byte() % 3).map { _ in word() },
                    reducedFrom: (0..<byte() % 3).map { _ in word() })
                say(.exchangeStalled(report), connection)
            case 22: say(.leafRelease(LeafRelease(leaves: (0..<byte() % 4).map { _ in word() })), connection)
            default: chunk(from: word())
            }
        }

        /// The present step as workers do it who keep the rules.
        private mutating func finishStep() {
            for (connection, leaves) in leaves.sorted(by: { $0.key < $1.key }) {
                for leaf in leaves {
                    sayHonestly(
                        .leafComputed(
                            LeafComputed(leaf: leaf, lossSum: 1, tokenCount: 10, seconds: 0.1, isFinite: true)
                        ),
                        connection)
                }
            }
            for connection in leaves.keys.sorted() {
                sayHonestly(
                    .prepared(
                        Prepared(
                            gradientDigest: [9], computeSeconds: 1, reduceSeconds: 1, exposedReduceSeconds: 1,
                            bytesSent: 1, bytesReceived: 1, peakResidentBytes: 1)), connection)
            }
            answerAll()
            for connection in leaves.keys.sorted() {
                sayHonestly(.applied(Applied(stateDigest: [9], gradientNorm: 1)), connection)
            }
            answerAll()
        }

        private mutating func sayHonestly(_ body: Envelope.Body, _ connection: UInt64) {
            guard let id = ids[connection] else { return }
            let header = Envelope.Header(runID: 1, term: 1, generation: generation, step: step, sender: id)
            take(.received(Envelope(header: header, body: body), from: ConnectionID(connection)))
        }

        private mutating func register() -> Envelope {
            var register = Register(
                shoalVersion: "", host: "h", processID: 1, baseDigest: "b",
                numerics: NumericsFingerprint(blas: "", core: "", kernels: ""),
                threadCount: bytes.first == 0 ? .max : 2,
                dataEndpoint: "", publicKey: "")
            if byte() % 4 == 1 {
                register.held = HeldState(
                    runID: byte() % 4 == 1 ? number() : 1, step: number(), stateDigest: digest(),
                    preparedGeneration: byte() % 2 == 0 ? number() : nil, preparedDigest: digest(),
                    gradientNorm: real())
            }
            return Envelope(header: .init(), body: .register(register))
        }

        /// A message in the name of the connection's worker, mostly of the present step and attempt.
        private mutating func say(_ body: Envelope.Body, _ connection: UInt64, payload: [[UInt8]] = []) {
            var header = Envelope.Header(
                runID: 1, term: 1, generation: generation, step: step, sender: ids[connection] ?? 1)
            switch byte() % 16 {
            case 0: header.runID = number()
            case 1: header.term = number()
            case 2: header.step = number()
            case 3: header.generation = number()
            case 4: header.sender = word()
            default: break
            }
            take(
                .received(
                    Envelope(header: header, body: body, payload: payload), from: ConnectionID(connection)))
        }

        private mutating func chunk(from sender: UInt32) {
            let count = Int(truncatingIfNeeded: number() % 200)
            let chunk = GradientChunk(
                nodeLevel: word() % 17, nodeIndex: word() % 65_536, chunk: word() % (1 << 20),
                elementCount: UInt32(count),
                checksum: 0)
            let attempt = Reducer.Attempt(
                term: byte() % 8 == 1 ? number() : 1, step: byte() % 4 == 0 ? number() : step,
                generation: byte() % 4 == 0 ? number() : generation)
            _ = try? reducer.receive(
                Reducer.Incoming(
                    sender: sender, attempt: attempt, isReduced: byte() % 2 == 0, chunk: chunk,
                    elements: Vector(zeros: count)))
        }

        private mutating func take(_ event: CoordinatorMachine.Event) {
            for action in machine.handle(event, now: now) {
                switch action {
                case .send(let envelope, let connection):
                    switch envelope.body {
                    case .welcome(let welcome): ids[connection.value] = welcome.workerID
                    case .assign(let assignment):
                        if step != envelope.header.step || generation != envelope.header.generation {
                            leaves = [:]
                        }
                        step = envelope.header.step
                        generation = envelope.header.generation
                        leaves[connection.value] =
                            assignment.plan.participant(ids[connection.value] ?? 0)?.leaves ?? []
                        reducer.begin(leafCount: MachinesTarget.leafCount)
                        _ = try? reducer.start(
                            plan: assignment.plan, participant: ids[connection.value] ?? 1,
                            attempt: .init(term: 1, step: step, generation: generation))
                    case .evaluate: generation = envelope.header.generation
                    default: break
                    }
                case .loadState, .prepareWork, .appendLedger, .stepFinished, .prepareEvaluation,
                    .evaluationFinished,
                    .beginSnapshot, .saveCheckpoint, .sendState, .resume:
                    asked.append(action)
                default: break
                }
            }
        }

        /// The driver answers what was asked; what that asks is answered next time.
        private mutating func answerAll() {
            let waiting = asked
            asked = []
            for action in waiting {
                switch action {
                case .loadState: take(.stateLoaded(step: 0, digest: [9]))
                case .prepareWork(let step):
                    take(
                        .workPrepared(
                            StepRequest(
                                step: step, leafCount: MachinesTarget.leafCount, supervisedTokenCount: 40,
                                learningRate: 1, biasCorrection1: 1, biasCorrection2: 1)))
                case .appendLedger(let record):
                    ledger.append(record.step)
                    take(.ledgerWritten(step: record.step))
                case .stepFinished:
                    take(
                        .decided(
                            Agenda(
                                evaluate: byte() % 3 == 0, checkpoint: byte() % 3 == 0, finish: byte() == 1)))
                case .prepareEvaluation: take(.evaluationPrepared(leafCount: 3))
                case .evaluationFinished: take(.decided(Agenda(checkpoint: byte() % 3 == 0)))
                case .beginSnapshot(let id, let step):
                    take(
                        byte() % 4 == 0
                            ? .snapshotRefused(from: id, reason: "x")
                            : .snapshotReceived(from: id, step: step, digest: digest()))
                case .saveCheckpoint(let step): take(.checkpointSaved(step: step))
                case .resume(let step, _, _):
                    take(.resumed(step: step, byte() % 4 == 1 ? nil : Agenda(checkpoint: byte() % 3 == 0)))
                case .sendState(let header, let connection):
                    let loaded = Envelope(
                        header: .init(
                            runID: 1, term: 1, step: header.step, sender: ids[connection.value] ?? 1),
                        body: .stateLoaded(StateLoaded(stateDigest: digest())))
                    take(.received(loaded, from: connection))
                default: break
                }
            }
        }
    }
}
