import Coordination
import Testing
import WireProtocol

/// Whole runs of both machines under simulated time, each with one thing happening.
@Suite struct SimulationTests {
    static let sevenSteps = SimulatedTask(stepCount: 7)

    @Test("without faults every step takes one generation, whatever the number of workers", arguments: 1...5)
    func runsWithoutFaults(workerCount: Int) {
        for (seed, isStar) in [(1, false), (2, true)] as [(UInt64, Bool)] {
            let cluster = SimulatedCluster(
                seed: seed, task: Self.sevenSteps, isStar: isStar, minimumWorkers: workerCount)
            cluster.network.dawdling = 0
            for _ in 0..<workerCount { cluster.startWorker(secondsPerLeaf: 0.3) }
            #expect(SimulationCheck.run(cluster) == [], "seed \(seed)")
            #expect(cluster.disk.maximumGeneration == 1)
            #expect(cluster.disk.replayCount == 0)
            #expect(cluster.disk.evaluationCount == 2)
            #expect(cluster.workers.allSatisfy { $0.ending == .finished(reason: "training is over") })
        }
    }

    @Test("lost chunks are made up for by another generation", arguments: [false, true])
    func survivesLostChunks(isStar: Bool) {
        var regenerated = 0
        for seed in 0..<20 as Range<UInt64> {
            let cluster = SimulatedCluster(
                seed: seed, task: Self.sevenSteps, isStar: isStar, minimumWorkers: 3)
            // In a star each loss costs a worker its place, and a process that loses it twice within ten minutes stays away.
            cluster.network.dataLoss = isStar ? 0.003 : 0.01
            for _ in 0..<3 { cluster.startWorker() }
            #expect(SimulationCheck.run(cluster) == [], "seed \(seed)")
            regenerated += cluster.disk.maximumGeneration > 1 ? 1 : 0
        }
        #expect(regenerated > 2)
    }

    @Test("of two workers that cannot reach each other one goes, with both named, and the other goes on")
    func namesWhoCannotBeReached() {
        let cluster = SimulatedCluster(seed: 1, task: Self.sevenSteps, minimumWorkers: 2)
        cluster.network.dataLoss = 1
        for _ in 0..<2 { cluster.startWorker() }
        #expect(SimulationCheck.run(cluster, limit: 120) == [])
        let refusals = cluster.workers.compactMap { worker -> Refusal? in
            if case .refused(let refusal)? = worker.ending { refusal } else { nil }
        }
        #expect(refusals.map(\.code) == [.unreachable])
        #expect(
            refusals.first.map { $0.message.contains("sim://1") && $0.message.contains("sim://2") } == true)
    }

    @Test("two workers that cannot reach each other are stood in for by a third, and nobody goes")
    func thirdStandsIn() {
        for seed in 0..<20 as Range<UInt64> {
            let cluster = SimulatedCluster(seed: seed, task: Self.sevenSteps, minimumWorkers: 3)
            cluster.network.dawdling = 0
            for _ in 0..<3 { cluster.startWorker(threadCount: 1, secondsPerLeaf: 0.3) }
            cluster.cut(1, 2, seconds: 1e6)
            #expect(SimulationCheck.run(cluster, limit: 120) == [], "seed \(seed)")
            #expect(cluster.workers.allSatisfy { $0.ending == .finished(reason: "training is over") })
            // Found out once, in the first step.
            #expect(cluster.disk.maximumGeneration == 2, "seed \(seed)")
        }
    }

    @Test("an interrupt saves the last applied step and every worker goes")
    func interruptSaves() {
        let task = SimulatedTask(stepCount: 50)
        for seed in 0..<40 as Range<UInt64> {
            let cluster = SimulatedCluster(
                seed: seed, task: task, isStar: seed % 2 == 0, minimumWorkers: 2)
            cluster.startWorker()
            cluster.startWorker()
            cluster.world.after(4 + Double(seed) * 0.37) { cluster.coordinator?.interrupt() }
            let isDone = cluster.world.run(limit: 200) {
                cluster.coordinator?.ending != nil && cluster.livingWorkers.isEmpty
            }
            #expect(isDone, "seed \(seed)")
            let applied = UInt64(cluster.disk.losses.count)
            #expect(
                cluster.coordinator?.ending == .interrupted(reason: "test", savedStep: applied),
                "seed \(seed)")
            #expect(cluster.disk.checkpoint.step == applied, "seed \(seed)")
            #expect(cluster.disk.checkpoint.parameters == task.parameters(after: applied))
        }
    }

    @Test("workers give up a coordinator that stays away, after the orphan timeout")
    func orphansGiveUp() {
        let cluster = SimulatedCluster(seed: 5, task: SimulatedTask(stepCount: 500), minimumWorkers: 1)
        cluster.startWorker()
        cluster.world.after(10) { cluster.killCoordinator() }
        #expect(cluster.world.run(limit: 620) { cluster.livingWorkers.isEmpty })
        #expect(cluster.world.time > 600)
        #expect(cluster.workers.first?.ending == .orphaned(after: .seconds(600)))
    }
}
