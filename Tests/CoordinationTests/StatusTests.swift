import Coordination
import Testing
import WireProtocol

@Suite struct StatusTests {
    private static func register(_ host: String) -> Register {
        Register(
            shoalVersion: "1", host: host, processID: 7, baseDigest: "base",
            numerics: NumericsFingerprint(blas: "b", core: "c", kernels: "k"), threadCount: 2,
            dataEndpoint: "", publicKey: "")
    }

    private func member(_ id: UInt32, secondsPerLeaf: Double?, heard: Duration = .zero) -> Member {
        var member = Member(
            id: id, connection: ConnectionID(UInt64(id)), register: Self.register("host-\(id)"),
            now: heard)
        member.phase = .active
        member.secondsPerLeaf = secondsPerLeaf
        return member
    }

    @Test("a worker is slow from twice the others' median on, by so many times")
    func slowness() {
        #expect(StatusBoard.slow([member(1, secondsPerLeaf: 9)]).isEmpty)
        #expect(StatusBoard.slow([member(1, secondsPerLeaf: 1), member(2, secondsPerLeaf: nil)]).isEmpty)
        let four = [1, 1.2, 0.8, 4].enumerated().map { member(UInt32($0 + 1), secondsPerLeaf: $1) }
        #expect(StatusBoard.slow(four) == [4: 4])
        #expect(StatusBoard.slow([member(1, secondsPerLeaf: 1), member(2, secondsPerLeaf: 1.9)]).isEmpty)
    }

    @Test("members are listed with what is wrong with them, and those lost behind them until they come back")
    func members() {
        var board = StatusBoard()
        let silent = member(2, secondsPerLeaf: 1, heard: .seconds(10))
        let slow = member(3, secondsPerLeaf: 5, heard: .seconds(19))
        board.didLose(member(4, secondsPerLeaf: 1), reason: "its connection closed", now: .seconds(15))
        let well = member(1, secondsPerLeaf: 1, heard: .seconds(20))
        let listed = board.members([slow, silent, well], silentAfter: .seconds(3), now: .seconds(20))
        #expect(listed.map(\.id) == [1, 2, 3, 4])
        #expect(listed.map(\.state) == [.active, .silent, .slow, .lost])
        #expect(listed[1].seconds == 10 && listed[3].seconds == 5)
        #expect(listed[2].remark == "5.0 times the others' time" && listed[2].leavesPerSecond == 0.4)
        #expect(listed[3].remark == "its connection closed")
        #expect(
            board.remarks([slow, silent, well], now: .seconds(20))
                == ["worker 3 slow (5.0 times)", "worker 4 lost 5 s ago"])
        // Old news is none, and who is back is not lost.
        #expect(board.remarks([well], now: .seconds(100)).isEmpty)
        board.didRegister(Self.register("host-4"))
        #expect(board.members([], silentAfter: .seconds(3), now: .seconds(20)).isEmpty)
    }

    @Test("only so many losses are kept, however often a worker dies")
    func bounded() {
        var board = StatusBoard()
        for id in 1...1000 { board.didLose(member(UInt32(id), secondsPerLeaf: 1), reason: "", now: .zero) }
        let kept = board.members([], silentAfter: .seconds(3), now: .zero)
        #expect(kept.count == 16 && kept.last?.id == 1000)
    }

    @Test("anybody who is let in gets an answer, and is no member for that")
    func answers() throws {
        var options = CoordinatorOptions(runID: 9, term: 3, parameterCount: 8, baseDigest: "base")
        options.minimumWorkers = 2
        options.totalSteps = 40
        var machine = CoordinatorMachine(options: options)
        _ = machine.start()
        _ = machine.handle(.stateLoaded(step: 5, digest: [1]), now: .zero)
        _ = machine.handle(
            .received(
                Envelope(header: Envelope.Header(), body: .register(Self.register("one"))),
                from: ConnectionID(1)), now: .seconds(1))
        let asker = ConnectionID(2)
        let actions = machine.handle(
            .received(
                Envelope(header: Envelope.Header(), body: .statusRequest(StatusRequest())), from: asker),
            now: .seconds(2))
        try #require(actions.count == 1)
        guard case .send(let envelope, to: asker) = actions[0], case .statusReport(let report) = envelope.body
        else {
            Issue.record("expected a report, found \(actions)")
            return
        }
        #expect(report.step == 5 && report.totalSteps == 40)
        #expect(report.phase == "waiting for 2 workers")
        #expect(report.members.map(\.host) == ["one"] && report.members[0].state == .building)
        #expect(report.members[0].seconds == 1)
        #expect(machine.handle(.disconnected(asker), now: .seconds(3)).isEmpty)
    }
}
