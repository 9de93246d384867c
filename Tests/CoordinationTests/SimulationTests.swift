import Coordination
import Foundation
import Testing
import WireProtocol

/// Whole runs of both machines under simulated time. `SHOAL_SIMULATION_SEEDS` raises the number of seeds.
@Suite struct SimulationTests {
    static let seedCount =
        ProcessInfo.processInfo.environment["SHOAL_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 150

    @Test("without faults every step takes one generation, whatever the number of workers", arguments: 1...5)
    func runsWithoutFaults(workerCount: Int) {
        for (seed, isStar) in [(1, false), (2, true)] as [(UInt64, Bool)] {
            let cluster = SimulatedCluster(
                seed: seed, stepCount: 7, isStar: isStar, minimumWorkers: workerCount, repeatProbability: 0)
            for _ in 0..<workerCount { cluster.startWorker() }
            check(cluster, "seed \(seed)")
            #expect(cluster.disk.maximumGeneration == 1)
            #expect(cluster.disk.replayCount == 0)
            #expect(cluster.disk.evaluationCount == 2)
            #expect(cluster.livingWorkers.isEmpty)
            #expect(cluster.workers.values.allSatisfy { $0.ending == .finished(reason: "training is over") })
        }
    }

    @Test(
        "under losses, joins, pauses, repeated messages and restarts one right result is committed per step",
        arguments: [false, true])
    func survivesFaults(isStar: Bool) {
        var regenerated = 0
        var replayed = 0
        for seed in 0..<Self.seedCount {
            let cluster = SimulatedCluster(
                seed: seed, stepCount: 8, isStar: isStar, minimumWorkers: 1 + Int(seed % 3),
                repeatProbability: 0.02)
            for _ in 0..<(1 + Int(seed % 4)) { cluster.startWorker() }
            cluster.scheduleFaults(count: 2 + Int(seed % 9), horizon: 25)
            check(cluster, "seed \(seed), star \(isStar)")
            regenerated += cluster.disk.maximumGeneration > 1 ? 1 : 0
            replayed += cluster.disk.replayCount
        }
        // The faults must have met what they are meant to test.
        #expect(regenerated > 0)
        #expect(replayed > 0)
    }

    @Test("lost chunks are made up for by another generation", arguments: [false, true])
    func survivesLostChunks(isStar: Bool) {
        for seed in 0..<20 as Range<UInt64> {
            let cluster = SimulatedCluster(
                seed: seed, stepCount: 5, isStar: isStar, minimumWorkers: 3, repeatProbability: 0)
            cluster.dataLoss = 0.01
            for _ in 0..<3 { cluster.startWorker() }
            check(cluster, "seed \(seed)")
        }
    }

    @Test("workers that cannot reach each other end the run with an error that names them")
    func namesWhoCannotBeReached() {
        let cluster = SimulatedCluster(
            seed: 1, stepCount: 5, isStar: false, minimumWorkers: 2, repeatProbability: 0)
        cluster.dataLoss = 1
        for _ in 0..<2 { cluster.startWorker() }
        #expect(cluster.world.run(limit: .seconds(2000)) { cluster.coordinator?.ending != nil })
        guard case .failed(69, let message)? = cluster.coordinator?.ending else {
            Issue.record("\(String(describing: cluster.coordinator?.ending))")
            return
        }
        #expect(message.contains("sim://1") && message.contains("sim://2"))
        #expect(cluster.disk.ledger.isEmpty)
    }

    @Test("an interrupt saves the last applied step and every worker goes")
    func interruptSaves() {
        for seed in 0..<40 as Range<UInt64> {
            let cluster = SimulatedCluster(
                seed: seed, stepCount: 50, isStar: seed % 2 == 0, minimumWorkers: 2, repeatProbability: 0)
            cluster.startWorker()
            cluster.startWorker()
            cluster.world.after(4 + Double(seed) * 0.37) { cluster.coordinator?.interrupt() }
            let isDone = cluster.world.run(limit: .seconds(200)) {
                cluster.coordinator?.ending != nil && cluster.livingWorkers.isEmpty
            }
            #expect(isDone, "seed \(seed)")
            let applied = UInt64(cluster.disk.losses.count)
            #expect(
                cluster.coordinator?.ending == .interrupted(reason: "test", savedStep: applied),
                "seed \(seed)")
            #expect(cluster.disk.checkpoint.step == applied, "seed \(seed)")
            if applied > 0 {
                #expect(cluster.disk.checkpoint.parameters == cluster.reference[Int(applied) - 1].parameters)
            }
        }
    }

    @Test("workers give up a coordinator that stays away, after the orphan timeout")
    func orphansGiveUp() {
        let cluster = SimulatedCluster(
            seed: 5, stepCount: 500, isStar: false, minimumWorkers: 1, repeatProbability: 0)
        cluster.startWorker()
        cluster.world.after(10) { cluster.killCoordinator() }
        #expect(cluster.world.run(limit: .seconds(620)) { cluster.livingWorkers.isEmpty })
        #expect(cluster.world.now > .seconds(600))
        #expect(cluster.workers.values.first?.ending == .orphaned(after: .seconds(600)))
    }

    private func check(_ cluster: SimulatedCluster, _ name: String) {
        let isDone = cluster.world.run(limit: .seconds(900)) { cluster.coordinator?.ending != nil }
        #expect(isDone, "\(name): no end; ledger at \(cluster.disk.ledger.count)")
        _ = cluster.world.run(limit: cluster.world.now + .seconds(60)) { cluster.livingWorkers.isEmpty }
        #expect(cluster.coordinator?.ending == .completed, "\(name)")
        #expect(cluster.disk.faults.isEmpty, "\(name)")
        #expect(cluster.disk.ledger == cluster.reference.map(\.gradientDigest), "\(name)")
        for (index, reference) in cluster.reference.enumerated() {
            #expect(cluster.disk.losses[UInt64(index + 1)] == reference.lossSum, "\(name), step \(index + 1)")
        }
        #expect(cluster.disk.checkpoint.parameters == cluster.reference.last?.parameters, "\(name)")
    }
}
