import Cluster
import Coordination
import Foundation
import Synchronization
import Testing
import Training
import WireProtocol

@Suite(.serialized) struct ServiceTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var workers: Int
        var isStar: Bool
        var network: TestCluster.Network
        var testDescription: String {
            "\(workers) workers, \(isStar ? "star" : "mesh"), \(network.rawValue)"
        }
    }
    static let cases = TestCluster.Network.allCases.flatMap { network in
        (network == .memory || network == .curve ? [1, 2, 4] : [3]).flatMap { count in
            [false, true].map { Case(workers: count, isStar: $0, network: network) }
        }
    }

    @Test("any number of workers over any network gives the bits of the serial run", arguments: cases)
    func sameBits(_ testCase: Case) throws {
        let driver = FakeDriver(stepCount: 4, evaluateEvery: 2, checkpointEvery: 3)
        let cluster = try TestCluster(driver, over: testCase.network, isStar: testCase.isStar)
        let coordinator = try cluster.startCoordinator(minimumWorkers: testCase.workers)
        let workers = try (0..<testCase.workers).map { try cluster.startWorker(threadCount: 1 + $0 % 2) }
        #expect(try coordinator.running.wait() == .completed)
        for worker in workers {
            #expect(try worker.running.wait() == .finished(reason: "training is over"))
        }
        let state = driver.state.withLock { $0 }
        #expect(state.ledger.map(\.step) == [1, 2, 3, 4])
        #expect(state.outcomes.map(\.step) == [1, 2, 3, 4])
        #expect(state.outcomes.allSatisfy { $0.generation == 1 && $0.workerCount == testCase.workers })
        #expect(Set(state.ledger.flatMap(\.leafWorkers)).count == testCase.workers)
        #expect(state.evaluations.count == 2)
        #expect(state.evaluations.allSatisfy { $0.count == 16 && !$0.contains { $0.isNaN } })
        #expect(driver.finalParameters == driver.serialParameters())
        if testCase.workers > 1 {
            let payload = UInt64(driver.parameterCount * 4)
            #expect(
                state.outcomes.allSatisfy { $0.wireBytesSent >= payload && $0.wireBytesReceived >= payload })
        }
    }

    @Test(
        "a worker lost in the middle of a step is done without, and the bits stay",
        arguments: TestCluster.Network.allCases, [false, true])
    func losesAWorker(network: TestCluster.Network, isStar: Bool) throws {
        let driver = FakeDriver(stepCount: 5)
        let cluster = try TestCluster(driver, over: network, isStar: isStar, lostAfter: .seconds(1))
        let coordinator = try cluster.startCoordinator(minimumWorkers: 3)
        let workers = try (0..<3).map { _ in try cluster.startWorker(secondsPerLeaf: 0.05) }
        try cluster.waitUntil { driver.finishedStepCount >= 2 }
        // The step that begins now takes 0.15 s at least.
        Thread.sleep(seconds: 0.08)
        cluster.cut(2)
        #expect(try coordinator.running.wait() == .completed)
        let state = driver.state.withLock { $0 }
        #expect(state.outcomes.contains { $0.generation > 1 })
        #expect(state.outcomes.last?.workerCount == 2)
        #expect(state.events.contains { $0.event == "lost" })
        #expect(driver.finalParameters == driver.serialParameters())
        #expect(try workers[0].running.wait() == .finished(reason: "training is over"))
        #expect(try workers[1].running.wait() == .orphaned(after: .seconds(2)))
        #expect(try workers[2].running.wait() == .finished(reason: "training is over"))
    }

    @Test("a worker that leaves on purpose is done without at once")
    func leaves() throws {
        let driver = FakeDriver(stepCount: 6)
        let cluster = try TestCluster(driver, over: .curve, lostAfter: .seconds(100))
        let coordinator = try cluster.startCoordinator(minimumWorkers: 2)
        let workers = try (0..<2).map { _ in try cluster.startWorker(secondsPerLeaf: 0.02) }
        try cluster.waitUntil { driver.finishedStepCount >= 2 }
        workers[0].service.terminate(reason: "SIGTERM")
        #expect(try workers[0].running.wait() == .left(reason: "SIGTERM"))
        #expect(try coordinator.running.wait() == .completed)
        #expect(driver.finalParameters == driver.serialParameters())
    }

    @Test("a worker that joins late gets the state and takes part", arguments: TestCluster.Network.allCases)
    func joinsLate(network: TestCluster.Network) throws {
        let driver = FakeDriver(stepCount: 12)
        let cluster = try TestCluster(driver, over: network)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 1)
        let first = try cluster.startWorker(secondsPerLeaf: 0.03)
        try cluster.waitUntil { driver.finishedStepCount >= 2 }
        let second = try cluster.startWorker(secondsPerLeaf: 0.03)
        #expect(try coordinator.running.wait() == .completed)
        #expect(try first.running.wait() == .finished(reason: "training is over"))
        #expect(try second.running.wait() == .finished(reason: "training is over"))
        let state = driver.state.withLock { $0 }
        #expect(state.outcomes.first?.workerCount == 1)
        #expect(state.outcomes.last?.workerCount == 2)
        #expect(state.outcomes.allSatisfy { $0.generation == 1 })
        #expect(driver.finalParameters == driver.serialParameters())
    }

    @Test(
        "an interrupt saves the last applied step, and another number of workers goes on from it to the same bits"
    )
    func interruptAndResume() throws {
        let driver = FakeDriver(stepCount: 30)
        let cluster = try TestCluster(driver, over: .ipc)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 2)
        let workers = try (0..<2).map { _ in try cluster.startWorker(secondsPerLeaf: 0.02) }
        try cluster.waitUntil { driver.finishedStepCount >= 3 }
        coordinator.service.interrupt(reason: "SIGTERM")
        guard case .interrupted("SIGTERM", let savedStep) = try coordinator.running.wait() else {
            Issue.record("the run was not interrupted")
            return
        }
        for worker in workers {
            let ending = try worker.running.wait()
            #expect(ending == .finished(reason: "SIGTERM"))
        }
        #expect(driver.state.withLock { $0.checkpoint?.step } == savedStep)
        #expect(UInt64(driver.finishedStepCount) == savedStep)

        let resumed = FakeDriver(stepCount: 30, term: 2, resuming: driver)
        let again = try TestCluster(resumed, over: .ipc, isStar: true)
        let second = try again.startCoordinator(minimumWorkers: 1)
        let worker = try again.startWorker()
        #expect(try second.running.wait() == .completed)
        #expect(try worker.running.wait() == .finished(reason: "training is over"))
        #expect(resumed.state.withLock { $0.ledger.map(\.step) } == Array(1...30))
        #expect(resumed.finalParameters == resumed.serialParameters())
    }

    @Test("steps behind the checkpoint are replayed against the ledger")
    func replays() throws {
        let driver = FakeDriver(stepCount: 9, checkpointEvery: 4)
        let cluster = try TestCluster(driver, over: .memory)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 1)
        _ = try cluster.startWorker()
        #expect(try coordinator.running.wait() == .completed)
        // As if the coordinator had been killed behind step 9, with no checkpoint yet.
        let resumed = FakeDriver(stepCount: 11, term: 2)
        resumed.state.withLock { $0.ledger = driver.state.withLock { $0.ledger } }
        let again = try TestCluster(resumed, over: .memory)
        let second = try again.startCoordinator(minimumWorkers: 2)
        for _ in 0..<2 { _ = try again.startWorker() }
        #expect(try second.running.wait() == .completed)
        #expect(resumed.state.withLock { $0.events.filter { $0.event == "replay" }.count } == 9)
        #expect(resumed.finalParameters == resumed.serialParameters())
    }

    @Test("a ledger that says otherwise ends the replay with an error")
    func replayMustReproduce() throws {
        let driver = FakeDriver(stepCount: 3)
        driver.state.withLock {
            $0.ledger = [
                CommitRecord(
                    step: 1, generation: 1, leafWorkers: [], gradientDigest: [1, 2], stateDigestBefore: [],
                    lossSum: 0, wasSkipped: false)
            ]
        }
        let cluster = try TestCluster(driver, over: .memory)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 1)
        let worker = try cluster.startWorker()
        guard case .failed = try coordinator.running.wait() else {
            Issue.record("the run went on")
            return
        }
        guard case .failed = try worker.running.wait() else {
            Issue.record("the worker was not told")
            return
        }
    }

    @Test(
        "a coordinator that dies is waited for until the orphan timeout",
        arguments: [TestCluster.Network.ipc, .curve])
    func orphansGiveUp(network: TestCluster.Network) throws {
        let driver = FakeDriver(stepCount: 1000)
        let cluster = try TestCluster(driver, over: network)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 2)
        let workers = try (0..<2).map { _ in try cluster.startWorker(secondsPerLeaf: 0.02) }
        try cluster.waitUntil { driver.finishedStepCount >= 1 }
        cluster.cut(0)
        for worker in workers {
            #expect(try worker.running.wait(seconds: 30) == .orphaned(after: .seconds(2)))
        }
        coordinator.service.interrupt(reason: "end of test")
        _ = try coordinator.running.wait()
    }

    @Test(
        "workers find a coordinator that comes back, and go on from its checkpoint to the same bits",
        arguments: [TestCluster.Network.ipc, .curve], [false, true])
    func coordinatorComesBack(network: TestCluster.Network, isStar: Bool) throws {
        let driver = FakeDriver(stepCount: 14, checkpointEvery: 2)
        let cluster = try TestCluster(driver, over: network, isStar: isStar)
        let first = try cluster.startCoordinator(minimumWorkers: 2, orphanTimeout: .seconds(60))
        let workers = try (0..<2).map { _ in try cluster.startWorker(secondsPerLeaf: 0.03) }
        try cluster.waitUntil { driver.finishedStepCount >= 3 }
        cluster.cut(0)
        let second = FakeDriver(stepCount: 14, term: 2, checkpointEvery: 2, resuming: driver)
        let again = try cluster.startCoordinator(minimumWorkers: 2, driver: second)
        #expect(try again.running.wait() == .completed)
        for worker in workers {
            let ending = try worker.running.wait()
            #expect(ending == .finished(reason: "training is over"))
        }
        #expect(second.state.withLock { $0.ledger.map(\.step) } == Array(1...14))
        #expect(second.finalParameters == second.serialParameters())
        first.service.interrupt(reason: "end of test")
        _ = try first.running.wait()
    }

    @Test(
        "a coordinator that comes back goes on from the state its workers kept, and computes nothing again",
        arguments: [TestCluster.Network.ipc, .curve], [false, true])
    func goesOnFromKeptState(network: TestCluster.Network, isStar: Bool) throws {
        let driver = FakeDriver(stepCount: 14)
        let cluster = try TestCluster(driver, over: network, isStar: isStar)
        let first = try cluster.startCoordinator(minimumWorkers: 2, orphanTimeout: .seconds(60))
        let workers = try (0..<2).map { _ in try cluster.startWorker(secondsPerLeaf: 0.03) }
        try cluster.waitUntil { driver.finishedStepCount >= 3 }
        cluster.cut(0)
        let second = FakeDriver(stepCount: 14, term: 2, resuming: driver)
        let again = try cluster.startCoordinator(minimumWorkers: 2, driver: second)
        #expect(try again.running.wait() == .completed)
        for worker in workers {
            let ending = try worker.running.wait()
            #expect(ending == .finished(reason: "training is over"))
        }
        let state = second.state.withLock { $0 }
        #expect(state.ledger.map(\.step) == Array(1...14))
        #expect(!state.events.contains { $0.event == "replay" })
        #expect(state.resumed.count == 1)
        #expect(second.finalParameters == second.serialParameters())
        first.service.interrupt(reason: "end of test")
        _ = try first.running.wait()
    }

    @Test("a loss that is not finite stops the run, names the micro-batch, and the state before it is saved")
    func stopsAtNonFinite() throws {
        let driver = FakeDriver(stepCount: 4, poisonedStep: 3)
        let cluster = try TestCluster(driver, over: .memory)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 2)
        let workers = try (0..<2).map { _ in try cluster.startWorker() }
        guard case .failed(65, let message) = try coordinator.running.wait() else {
            Issue.record("the run went on")
            return
        }
        #expect(message.contains("step 3: micro-batch 5 (examples 5)"))
        #expect(message.contains("the state after step 2 is saved"))
        #expect(driver.state.withLock { $0.ledger.count } == 2)
        #expect(driver.state.withLock { $0.checkpoint?.step } == 2)
        for worker in workers {
            let ending = try worker.running.wait()
            #expect(ending == .failed(code: 65, message: message))
        }
    }

    @Test("on_non_finite: skip_step counts such a step and leaves the state as it was")
    func skipsNonFinite() throws {
        let driver = FakeDriver(stepCount: 4, poisonedStep: 3)
        let cluster = try TestCluster(driver, over: .memory)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 2, skipsNonFiniteSteps: true)
        for _ in 0..<2 { _ = try cluster.startWorker() }
        #expect(try coordinator.running.wait() == .completed)
        let outcomes = driver.state.withLock { $0.outcomes }
        #expect(outcomes.map(\.wasSkipped) == [false, false, true, false])
        #expect(outcomes[1].stateDigest == outcomes[2].stateDigest)
        #expect(driver.finalParameters == driver.serialParameters())
    }

    @Test("a worker with another base is refused by name, the others train on")
    func refusesAnotherBase() throws {
        let driver = FakeDriver(stepCount: 2)
        let cluster = try TestCluster(driver, over: .ipc)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 1)
        let wrong = try cluster.startWorker(baseDigest: "other")
        guard case .refused(let refusal) = try wrong.running.wait() else {
            Issue.record("the worker was not refused")
            return
        }
        #expect(refusal.code == .differentBase)
        #expect(refusal.message.contains("other") && refusal.message.contains("base"))
        let right = try cluster.startWorker()
        #expect(try coordinator.running.wait() == .completed)
        #expect(try right.running.wait() == .finished(reason: "training is over"))
    }

    @Test("a key that was not handed out does not get in")
    func refusesUnknownKeys() throws {
        let driver = FakeDriver(stepCount: 2)
        let cluster = try TestCluster(driver, over: .curve)
        let coordinator = try cluster.startCoordinator(minimumWorkers: 1)
        let stranger = try cluster.startWorker(isUnknown: true)
        #expect(try stranger.running.wait() == .orphaned(after: .seconds(1)))
        let events = driver.state.withLock { $0.events }
        #expect(events.allSatisfy { $0.event == "dropped" && Int($0.details["denied"] ?? "") ?? 0 > 0 })
        let right = try cluster.startWorker()
        #expect(try coordinator.running.wait() == .completed)
        #expect(try right.running.wait() == .finished(reason: "training is over"))
    }
}
