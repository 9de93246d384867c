import Coordination
import Testing
import WireProtocol

/// A coordinator with workers of one thread that hold the state of step 0, message by message.
@Suite struct ExchangeTests {
    private static let state: [UInt8] = Array(repeating: 7, count: 32)
    private var machine: CoordinatorMachine
    private var now = Duration.zero

    private init(isStar: Bool, workers: Int) {
        var options = CoordinatorOptions(runID: 9, term: 1, parameterCount: 10, baseDigest: "base")
        options.minimumWorkers = workers
        if isStar { options.reducer = .init(id: 0, dataEndpoint: "c", publicKey: "", leaves: []) }
        machine = CoordinatorMachine(options: options)
        _ = machine.start()
        _ = machine.handle(.stateLoaded(step: 0, digest: Self.state), now: .zero)
    }

    init() { self.init(isStar: false, workers: 1) }

    private mutating func receive(
        _ body: Envelope.Body, from worker: UInt32, step: UInt64 = 0, generation: UInt64 = 0
    ) -> [CoordinatorMachine.Action] {
        let header = Envelope.Header(
            runID: 9, term: 1, generation: generation, step: step, sender: worker)
        return machine.handle(
            .received(Envelope(header: header, body: body), from: ConnectionID(UInt64(worker))), now: now)
    }

    private mutating func register(_ worker: UInt32) -> [CoordinatorMachine.Action] {
        receive(
            .register(
                Register(
                    shoalVersion: "", host: "h", processID: worker, baseDigest: "base",
                    numerics: .init(blas: "", core: "", kernels: ""), threadCount: 1,
                    dataEndpoint: "w\(worker)", publicKey: "")), from: worker)
    }

    private mutating func join(_ worker: UInt32) {
        _ = register(worker)
        _ = receive(.stateLoaded(StateLoaded(stateDigest: [])), from: worker)
        _ = receive(.stateLoaded(StateLoaded(stateDigest: Self.state)), from: worker)
    }

    private mutating func begin(leafCount: Int) -> [CoordinatorMachine.Action] {
        _ = machine.handle(.tick, now: now)
        return machine.handle(
            .workPrepared(
                StepRequest(
                    step: 1, leafCount: leafCount, supervisedTokenCount: 10, learningRate: 1,
                    biasCorrection1: 1, biasCorrection2: 1)), now: now)
    }

    /// The generations that are dealt in `actions`, and the micro-batches sent with them.
    private func assigned(
        _ actions: [CoordinatorMachine.Action]
    ) -> [(generation: UInt64, leaves: [UInt32], worker: UInt32)] {
        actions.compactMap { action in
            guard case .send(let envelope, let connection) = action,
                case .assign(let assignment) = envelope.body
            else { return nil }
            return (envelope.header.generation, assignment.leaves, UInt32(connection.value))
        }
    }

    private func events(_ actions: [CoordinatorMachine.Action]) -> [String] {
        actions.compactMap { if case .record(let event, _) = $0 { event } else { nil } }
    }

    @Test("a worker that registers again gets nothing more of the state that was on its way to it")
    mutating func stopsTheOldState() {
        _ = register(1)
        let ready = receive(.stateLoaded(StateLoaded(stateDigest: [])), from: 1)
        #expect(ready.contains { if case .sendState = $0 { true } else { false } })
        let again = register(1)
        let stop = again.firstIndex {
            if case .stopState(to: ConnectionID(1)) = $0 { true } else { false }
        }
        let welcome = again.firstIndex { action in
            if case .send(let envelope, _) = action, case .welcome = envelope.body { true } else { false }
        }
        #expect(stop != nil && welcome != nil && stop ?? 1 < welcome ?? 0)
    }

    @Test("a newcomer that says it applied a step has not got the state that is on its way to it")
    mutating func anAppliedStepIsNoState() {
        _ = register(1)
        _ = receive(.stateLoaded(StateLoaded(stateDigest: [])), from: 1)
        let applied = receive(.applied(Applied(stateDigest: Self.state, gradientNorm: 1)), from: 1)
        #expect(!events(applied).contains("joined"))
        #expect(machine.activeWorkerCount == 0)
        let loaded = receive(.stateLoaded(StateLoaded(stateDigest: Self.state)), from: 1)
        #expect(events(loaded).contains("joined"))
    }

    @Test("micro-batches that are given up once are given up once, though it is said twice")
    mutating func staleReleasesAreDropped() {
        join(1)
        let first = assigned(begin(leafCount: 3))
        #expect(first.map(\.generation) == [1] && first.first?.leaves == [0, 1, 2])
        let release = Envelope.Body.leafRelease(LeafRelease(leaves: [1, 2]))
        let second = assigned(receive(release, from: 1, step: 1, generation: 1))
        #expect(second.map(\.generation) == [2] && second.first?.leaves == [1, 2])
        #expect(assigned(receive(release, from: 1, step: 1, generation: 1)).isEmpty)
        #expect(assigned(receive(release, from: 1, step: 1, generation: 2)).map(\.generation) == [3])
    }

    @Test(
        "what was lost on the only way is sent once more before a worker is sent away",
        arguments: [false, true])
    func theOnlyWayIsTriedAgain(isStar: Bool) {
        var test = ExchangeTests(isStar: isStar, workers: isStar ? 1 : 2)
        for worker in 1...(isStar ? 1 : 2) as ClosedRange<UInt32> { test.join(worker) }
        for (generation, leaves, worker) in test.assigned(test.begin(leafCount: 2)) {
            for leaf in leaves {
                let report = LeafComputed(leaf: leaf, lossSum: 1, tokenCount: 5, seconds: 1, isFinite: true)
                _ = test.receive(.leafComputed(report), from: worker, step: 1, generation: generation)
            }
        }
        for generation in 1...2 as ClosedRange<UInt64> {
            test.now += .seconds(6)
            for worker in 1...(isStar ? 1 : 2) as ClosedRange<UInt32> {
                _ = test.receive(.heartbeat(Heartbeat(sequence: generation)), from: worker)
            }
            let actions =
                isStar
                ? test.machine.handle(
                    .exchangeAwaits(
                        [.init(peer: 1, owesPartials: true, receivedCount: 0)], step: 1,
                        generation: generation), now: test.now - .seconds(5.5))
                    + test.machine.handle(
                        .exchangeAwaits(
                            [.init(peer: 1, owesPartials: true, receivedCount: 0)], step: 1,
                            generation: generation), now: test.now)
                : test.receive(
                    .exchangeStalled(ExchangeStalled(partialsFrom: [1], reducedFrom: [])), from: 2, step: 1,
                    generation: generation)
            #expect(events(actions).contains("lost") == (generation == 2), "\(actions)")
            #expect(
                test.assigned(actions).first?.generation
                    == (generation == 1 || !isStar ? generation + 1 : nil))
        }
    }
}
