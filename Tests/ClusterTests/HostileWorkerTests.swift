import Cluster
import Coordination
import Foundation
import Synchronization
import Testing
import Training
import WireProtocol

/// Workers with a key, in the roster, that do their work and send what they should not.
@Suite(.serialized) struct HostileWorkerTests {
    @Test(
        "replays, other runs, lives and steps, and what workers never send are dropped and counted, and the bits stay",
        arguments: [false, true])
    func dropsWhatIsNotTheirs(isStar: Bool) throws {
        let driver = FakeDriver(stepCount: 12, evaluateEvery: 5, checkpointEvery: 5)
        let cluster = try TestCluster(driver, over: .curve, isStar: isStar)
        let before = Self.residentMegabytes()
        let coordinator = try cluster.startCoordinator(minimumWorkers: 3)
        // The first is asked for the state. A hostile one would answer with chunks out of place, which costs it its own
        // place: that is the next test's.
        let honest = try cluster.startWorker()
        try cluster.waitUntil { driver.state.withLock { $0.events.contains { $0.event == "registered" } } }
        let hostile = try (0..<2).map { _ in
            try cluster.startWorker { HostileLinks($0, control: \.hostileControl, data: \.hostileData) }
        }
        #expect(try coordinator.running.wait() == .completed)
        for worker in [honest] + hostile {
            #expect(try worker.running.wait() == .finished(reason: "training is over"))
        }
        let state = driver.state.withLock { $0 }
        #expect(state.outcomes.map(\.step) == Array(1...12))
        #expect(
            state.outcomes.allSatisfy { $0.generation == 1 && $0.workerCount == 3 },
            "\(state.events.filter { $0.event == "lost" })")
        #expect(driver.finalParameters == driver.serialParameters())
        let dropped = state.outcomes.map(\.messagesDropped)
        #expect(dropped.last ?? 0 > 1000, "\(dropped)")
        #expect(dropped == dropped.sorted())
        #expect(
            state.events.contains { $0.event == "dropped" && Int($0.details["messages"] ?? "") ?? 0 > 100 })
        #expect(Self.residentMegabytes() < before + 256)
    }

    @Test("a snapshot that comes out of place costs its worker the place, and another is asked")
    func asksAnotherForTheSnapshot() throws {
        let driver = FakeDriver(stepCount: 8, checkpointEvery: 2)
        let cluster = try TestCluster(driver, over: .curve)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 2)
        let hostile = try cluster.startWorker {
            HostileLinks(
                $0,
                control: { envelope in
                    guard case .stateChunk(var chunk) = envelope.body else {
                        return [envelope]
                    }
                    var copy = envelope
                    chunk.elementOffset += 1
                    chunk.sectionElementCount += 1
                    copy.body = .stateChunk(chunk)
                    return [copy]
                })
        }
        try cluster.waitUntil { driver.state.withLock { $0.events.contains { $0.event == "registered" } } }
        let honest = try cluster.startWorker()
        #expect(try coordinator.running.wait() == .completed)
        #expect(try honest.running.wait() == .finished(reason: "training is over"))
        _ = try hostile.running.wait()
        let state = driver.state.withLock { $0 }
        #expect(
            state.events.contains {
                $0.event == "lost" && $0.details["reason"]?.contains("out of place") == true
            })
        #expect(state.outcomes.map(\.step) == Array(1...8))
        #expect(driver.finalParameters == driver.serialParameters())
    }

    @Test("a worker whose data address or key the others could not use is refused, and they train on")
    func refusesUnusableAddresses() throws {
        let driver = FakeDriver(stepCount: 3)
        let cluster = try TestCluster(driver, over: .curve)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 1)
        for (address, key) in [
            ("nonsense", nil), ("tcp://*:9", nil), ("tcp://h:0", nil), ("ipc://", nil), ("tcp://h o:1", nil),
            (nil, ""), (nil, String(repeating: "#", count: 40)),
        ] as [(String?, String?)] {
            let worker = try cluster.startWorker { links in
                HostileLinks(
                    links,
                    control: { envelope in
                        guard case .register(var register) = envelope.body else { return [envelope] }
                        register.dataEndpoint = address ?? register.dataEndpoint
                        register.publicKey = key ?? register.publicKey
                        var copy = envelope
                        copy.body = .register(register)
                        return [copy]
                    })
            }
            guard case .refused(let refusal) = try worker.running.wait() else {
                Issue.record("\(address ?? "") \(key ?? "") was admitted")
                continue
            }
            #expect(refusal.code == .notAdmitted && refusal.message.contains("data address"))
        }
        let right = try cluster.startWorker()
        #expect(try coordinator.running.wait() == .completed)
        #expect(try right.running.wait() == .finished(reason: "training is over"))
        #expect(driver.finalParameters == driver.serialParameters())
    }

    private static func residentMegabytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        return text.firstMatch(of: #/VmRSS:\s+(\d+) kB/#).flatMap { Int($0.1) }.map { $0 >> 10 } ?? 0
    }
}
