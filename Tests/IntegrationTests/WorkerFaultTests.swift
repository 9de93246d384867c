import Foundation
import Testing

/// A worker that dies or stops, at every point of a step: the others carry on, to the undisturbed bytes.
@Suite(.serialized) struct WorkerFaultTests {
    @Test(
        "a worker killed at a point of a step costs the others no more than its micro-batches",
        arguments: [
            "compute:90", "reduce-scatter:40", "all-gather:40", "prepared:25", "commit-received:25",
            "applied:25",
            "snapshot-sent:1",
        ], [false, true])
    func killed(fault: String, trainsBase: Bool) throws {
        try killed(fault: fault, on: FaultCluster(trainsBase: trainsBase))
    }

    private func killed(fault: String, on cluster: FaultCluster) throws {
        let coordinator = try cluster.coordinator(minimumWorkers: 2)
        // Registered first, so that it is the one whose state is asked for.
        let victim = try cluster.worker(fault: fault)
        try registered(1, at: coordinator, of: cluster)
        let survivor = try cluster.worker()
        let end = try victim.wait(limit: 60)
        #expect(end.status == 128 + SIGKILL, "\(end)")
        try cluster.finish(coordinator, workers: [survivor])
        let workers = try cluster.run.metrics().map(\.workers)
        #expect(workers.contains(2) && workers.last == 1)
    }

    @Test(
        "the same on a GPT-2, and on a BERT with its head", arguments: ["compute:90", "snapshot-sent:1"],
        [TinyRun.gpt2, TinyRun.bert])
    func killedOnOtherFamilies(fault: String, base: URL) throws {
        try killed(fault: fault, on: FaultCluster(base: base))
    }

    @Test(
        "a worker stopped for longer than lost_after_seconds is done without, and takes part again when it goes on",
        arguments: [
            "compute:90", "reduce-scatter:40", "all-gather:40", "prepared:25", "commit-received:25",
            "applied:25",
        ])
    func stopped(fault: String) throws {
        let cluster = try FaultCluster()
        let coordinator = try cluster.coordinator(minimumWorkers: 2)
        let victim = try cluster.worker(fault: fault + ":stop")
        let survivor = try cluster.worker()
        try #require(Shoal.eventually(within: 60) { victim.isStopped }, "\(victim.errors)")
        let stopped = Date()
        try cluster.wait(coordinator, for: "a step without the stopped worker") { $0.last?.workers == 1 }
        // lost_after, a look at the clock, and a step on a machine with other work.
        #expect(Date().timeIntervalSince(stopped) < FaultCluster.lostAfter + 3)
        survivor.send(SIGSTOP)
        victim.send(SIGCONT)
        survivor.send(SIGCONT)
        try cluster.wait(coordinator, for: "a step with both") { $0.last?.workers == 2 }
        try cluster.finish(coordinator, workers: [victim, survivor])
    }

    @Test("a worker that is told to go finishes its part: nothing is computed again, and nobody waits for it")
    func drained() throws {
        let cluster = try FaultCluster()
        let coordinator = try cluster.coordinator(minimumWorkers: 2)
        let first = try cluster.worker()
        let second = try cluster.worker()
        try cluster.wait(coordinator, for: "step 20") { $0.count >= 20 }
        first.send(SIGTERM)
        let end = try first.wait(limit: 10)
        #expect(end.status == 0, "\(end)")
        try cluster.finish(coordinator, workers: [second])
        #expect(try cluster.run.eventCount("left") == 1)
        #expect(try cluster.run.eventCount("lost") == 0)
        let metrics = try cluster.run.metrics()
        #expect(metrics.last?.workers == 1)
        // A loaded machine may see a micro-batch dealt anew because it took long; a loss starts a generation for sure.
        let relieved = try cluster.run.eventCount("relieved")
        #expect(metrics.count { $0.generation ?? 0 > 1 } <= relieved)
    }

    @Test("a newcomer killed while it receives the state leaves the others as they were")
    func newcomerKilled() throws {
        let cluster = try FaultCluster()
        let coordinator = try cluster.coordinator()
        let first = try cluster.worker()
        try cluster.wait(coordinator, for: "step 20") { $0.count >= 20 }
        let newcomer = try cluster.worker(fault: "state-received:2")
        let end = try newcomer.wait(limit: 60)
        #expect(end.status == 128 + SIGKILL, "\(end)")
        let next = try cluster.worker()
        try cluster.wait(coordinator, for: "a step with two workers") { $0.last?.workers == 2 }
        try cluster.finish(coordinator, workers: [first, next])
    }

    @Test("with no worker left the run waits, and goes on from its checkpoint when one comes")
    func zeroAndBack() throws {
        let cluster = try FaultCluster()
        let coordinator = try cluster.coordinator(minimumWorkers: 2)
        let first = [
            try cluster.worker(fault: "commit-received:47"), try cluster.worker(fault: "commit-received:47"),
        ]
        for worker in first { _ = try worker.wait(limit: 60) }
        Thread.sleep(forTimeInterval: 0.5)
        #expect(coordinator.isRunning)
        let back = try cluster.worker()
        try cluster.wait(coordinator, for: "a step with the worker that came") { $0.count > 60 }
        let another = try cluster.worker()
        try cluster.finish(coordinator, workers: [back, another])
        let events = try String(contentsOfFile: cluster.path + "/events.jsonl", encoding: .utf8)
        let replays = events.split(separator: "\n").count { $0.contains(#""event":"replay""#) }
        // The checkpoint of step 40, and a ledger up to step 47.
        #expect((1...20).contains(replays), "\(replays) replays")
    }

    private func registered(_ count: Int, at coordinator: RunningProcess, of cluster: FaultCluster) throws {
        let isThere = Shoal.eventually(within: 30) {
            let events = (try? String(contentsOfFile: cluster.path + "/events.jsonl", encoding: .utf8)) ?? ""
            return events.split(separator: "\n").count { $0.contains(#""event":"registered""#) } >= count
                || !coordinator.isRunning
        }
        try #require(isThere && coordinator.isRunning, "\(coordinator.errors)")
    }
}
