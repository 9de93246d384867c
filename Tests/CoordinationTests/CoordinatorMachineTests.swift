import Coordination
import Testing
import WireProtocol

/// Schedules that once went wrong, message by message.
@Suite struct CoordinatorMachineTests {
    private var machine: CoordinatorMachine
    private static let digests: [[UInt8]] = (0...4).map { Array(repeating: UInt8($0), count: 32) }

    /// A life that begins at step 0 with two steps in the ledger.
    init() {
        var options = CoordinatorOptions(runID: 9, term: 2, parameterCount: 10, baseDigest: "base")
        options.ledgerHead = 2
        for step in 1...2 {
            options.ledgered[UInt64(step)] = LedgeredStep(
                generation: 1, gradientDigest: [], stateDigestBefore: Self.digests[step - 1], lossSum: 1,
                wasSkipped: false)
        }
        machine = CoordinatorMachine(options: options)
        _ = machine.start()
        _ = machine.handle(.stateLoaded(step: 0, digest: Self.digests[0]), now: .zero)
    }

    private func register(held step: Int? = nil, digest: [UInt8]? = nil) -> Envelope {
        let held = step.map { HeldState(runID: 9, step: UInt64($0), stateDigest: digest ?? Self.digests[$0]) }
        return Envelope(
            header: .init(),
            body: .register(
                Register(
                    shoalVersion: "", host: "h", processID: 1, baseDigest: "base",
                    numerics: .init(blas: "", core: "", kernels: ""), threadCount: 1, dataEndpoint: "e",
                    publicKey: "", held: held)))
    }

    private func loaded(_ worker: UInt32, step: UInt64 = 0, digest: [UInt8] = []) -> Envelope {
        Envelope(
            header: .init(runID: 9, term: 2, step: step, sender: worker),
            body: .stateLoaded(StateLoaded(stateDigest: digest)))
    }

    private mutating func receive(_ envelope: Envelope, from connection: UInt64) -> [CoordinatorMachine
        .Action]
    {
        machine.handle(.received(envelope, from: ConnectionID(connection)), now: .seconds(1))
    }

    @Test("a worker that got the checkpoint's state while a later one was found gets the later one too")
    mutating func olderStateIsReplaced() {
        _ = receive(register(), from: 1)
        _ = receive(loaded(1), from: 1)
        _ = receive(register(held: 2), from: 2)
        let found = receive(loaded(2), from: 2)
        #expect(found.contains { if case .resume(step: 2, _, _) = $0 { true } else { false } })
        _ = receive(loaded(1, digest: Self.digests[0]), from: 1)
        _ = machine.handle(.resumed(step: 2, Agenda()), now: .seconds(2))
        // Worker 2 alone holds it.
        #expect(machine.appliedStep == 2)
        #expect(machine.activeWorkerCount == 1)
    }

    @Test(
        "states of the same step that contradict each other are not gone on from, and named once it is known")
    mutating func contradictionIsNamed() {
        for worker in 1...2 as ClosedRange<UInt64> {
            _ = receive(register(held: 2, digest: Self.digests[Int(worker) + 1]), from: worker)
        }
        _ = receive(loaded(1), from: 1)
        _ = receive(loaded(2), from: 2)
        #expect(machine.appliedStep <= 2)
    }

    @Test("a worker whose state differs from the ledger's is refused and named")
    mutating func otherStateIsRefused() {
        let actions = receive(register(held: 1, digest: Self.digests[4]), from: 1)
        let refusals = actions.compactMap { action -> Refusal? in
            if case .send(let envelope, _) = action, case .refuse(let refusal) = envelope.body {
                return refusal
            }
            return nil
        }
        #expect(refusals.map(\.code) == [.differentState])
        #expect(refusals.first?.message.contains("step 1") == true)
        let ahead = receive(register(held: 3), from: 2)
        #expect(
            ahead.contains { action in
                if case .send(let envelope, _) = action, case .refuse(let refusal) = envelope.body {
                    return refusal.code == .differentState
                }
                return false
            })
    }
}
