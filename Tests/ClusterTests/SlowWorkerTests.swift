import Cluster
import Coordination
import Foundation
import Synchronization
import Testing
import Training
import Transports
import WireProtocol

/// Workers that hold up the others, over real sockets.
@Suite(.serialized) struct SlowWorkerTests {
    /// Seconds of each step behind two to warm up, in order of length.
    private func steps(workers seconds: [Double], isStar: Bool) throws -> (
        driver: FakeDriver, seconds: [Double]
    ) {
        let driver = FakeDriver(stepCount: 9, microBatchCount: 16)
        let cluster = try TestCluster(driver, over: .ipc, isStar: isStar)
        let coordinator = try cluster.startCoordinator(minimumWorkers: seconds.count)
        for each in seconds { _ = try cluster.startWorker(threadCount: 1, secondsPerLeaf: each) }
        #expect(try coordinator.running.wait() == .completed)
        #expect(driver.finalParameters == driver.serialParameters())
        return (driver, driver.state.withLock { $0.outcomes.dropFirst(2).map(\.stepSeconds).sorted() })
    }

    @Test(
        "one that is four times slower costs less than half a step more than its absence",
        arguments: [false, true])
    func slowWorkerCostsLittle(isStar: Bool) throws {
        let fast = 0.06
        let without = try steps(workers: [fast, fast, fast], isStar: isStar)
        let with = try steps(workers: [fast, fast, fast, 4 * fast], isStar: isStar)
        let (median, limit) = (with.seconds[3], without.seconds[3] * 1.5)
        #expect(median < limit, "\(median) s with it, \(without.seconds[3]) s without it")
        // It takes part all the same.
        #expect(Set(with.driver.state.withLock { $0.ledger.last?.leafWorkers ?? [] }).count == 4)
    }

    @Test(
        "one with a key that never says that it has the state is waited for for lost_after, twice, then refused"
    )
    func neverLoaded() throws {
        let driver = FakeDriver(stepCount: 40)
        let cluster = try TestCluster(driver, over: .curve, lostAfter: .seconds(1))
        let coordinator = try cluster.startCoordinator(minimumWorkers: 1)
        let first = try cluster.startWorker(secondsPerLeaf: 0.01)
        try cluster.waitUntil { driver.finishedStepCount >= 2 }
        let mute = try cluster.startWorker { MuteLinks($0) }
        guard case .refused(let refusal) = try mute.running.wait(seconds: 30) else {
            Issue.record("it was not refused")
            return
        }
        #expect(refusal.code == .notAdmitted && refusal.message.contains("did not load the state"))
        #expect(try coordinator.running.wait() == .completed)
        #expect(try first.running.wait() == .finished(reason: "training is over"))
        #expect(driver.finalParameters == driver.serialParameters())
        let outcomes = driver.state.withLock { $0.outcomes }
        #expect(outcomes.allSatisfy { $0.generation == 1 && $0.workerCount == 1 })
        // lost_after, a look at the clock, a step.
        #expect(outcomes.filter { $0.stepSeconds > 0.9 }.count <= 2)
        #expect(outcomes.allSatisfy { $0.stepSeconds < 2.5 })
    }
}

/// Links of a worker that never says that it holds the state.
private final class MuteLinks: WorkerLinks {
    private let links: any WorkerLinks
    init(_ links: any WorkerLinks) { self.links = links }
    var onControl: (Envelope) -> Void {
        get { links.onControl }
        set { links.onControl = newValue }
    }
    var onVersionDiffers: (String) -> Void {
        get { links.onVersionDiffers }
        set { links.onVersionDiffers = newValue }
    }
    var onWritable: () -> Void {
        get { links.onWritable }
        set { links.onWritable = newValue }
    }
    var onData: (Envelope) -> Void {
        get { links.onData }
        set { links.onData = newValue }
    }
    var counts: TransportCounts { links.counts }
    func complete(_ register: inout Register) { links.complete(&register) }
    func sendControl(_ envelope: Envelope) -> Bool {
        if case .stateLoaded(let loaded) = envelope.body, !loaded.stateDigest.isEmpty { return true }
        if case .applied = envelope.body { return true }
        return links.sendControl(envelope)
    }
    func setRoster(_ peers: [Plan.Participant]) { links.setRoster(peers) }
    func sendData(_ envelope: Envelope, to peer: UInt32) { links.sendData(envelope, to: peer) }
    func close() { links.close() }
}
