import Coordination
import Testing

/// What a loss costs: how long, and what is computed again.
@Suite struct RecoveryTests {
    static let eightSteps = SimulatedTask(stepCount: 8, leafCount: 8)

    /// Three workers of one thread and 0.3 s a micro-batch: a step takes about a second.
    private func cluster(seed: UInt64, isStar: Bool = false, workers: Int = 3) -> SimulatedCluster {
        let cluster = SimulatedCluster(
            seed: seed, task: Self.eightSteps, isStar: isStar, minimumWorkers: workers)
        for _ in 0..<workers { cluster.startWorker(threadCount: 1, secondsPerLeaf: 0.3) }
        return cluster
    }

    @Test(
        "a restarted coordinator goes on with the workers that waited, and nothing is computed again",
        arguments: [1, 100] as [UInt64])
    func restartComputesNothingAgain(digestEvery: UInt64) {
        var resumed = 0
        for seed in 0..<300 as Range<UInt64> {
            let cluster = cluster(seed: seed, isStar: seed % 2 == 1)
            cluster.checkpointEvery = 100
            cluster.digestEvery = digestEvery
            cluster.world.after(4 + Double(seed % 100) * 0.1) {
                cluster.killCoordinator(losesPower: seed % 3 == 0)
                cluster.world.after(cluster.world.random(0.1...6)) { cluster.startCoordinator() }
            }
            #expect(SimulationCheck.run(cluster, limit: 90) == [], "seed \(seed)")
            #expect(cluster.disk.replayCount == 0, "seed \(seed)")
            resumed += cluster.disk.resumeCount
        }
        #expect(resumed > 200)
    }

    @Test("connections that all break at once cost no step that is in the ledger")
    func brokenConnectionsCostNothing() {
        for seed in 0..<200 as Range<UInt64> {
            let cluster = cluster(seed: seed)
            cluster.checkpointEvery = 100
            cluster.digestEvery = seed % 2 == 0 ? 1 : 100
            cluster.world.after(4 + Double(seed % 100) * 0.1) {
                for worker in cluster.livingWorkers { worker.breakConnection() }
            }
            #expect(SimulationCheck.run(cluster, limit: 90) == [], "seed \(seed)")
            #expect(cluster.disk.replayCount == 0, "seed \(seed)")
        }
    }

    @Test("survivors of a death, a stop, a cut or a black hole carry on within lost_after and a step")
    func survivorsCarryOn() {
        for seed in 0..<400 as Range<UInt64> {
            let cluster = cluster(seed: seed, isStar: seed % 8 == 7)
            var struck = 0.0
            cluster.world.after(4 + Double(seed % 50) * 0.1) {
                struck = cluster.world.time
                switch seed % 4 {
                case 0: cluster.workers[1].die()
                case 1: cluster.workers[1].pause(seconds: 60)
                case 2: cluster.cut(2, 0, seconds: 60)
                default: cluster.cut(1, 2, seconds: 60)
                }
            }
            #expect(SimulationCheck.run(cluster, limit: 120) == [], "seed \(seed)")
            let times = [0] + (1...8 as ClosedRange<UInt64>).map { cluster.finishTimes[$0] ?? .infinity }
            let gap =
                zip(times, times.dropFirst()).filter { $1 > struck && $0 > 0 }.map { $1 - $0 }.max() ?? 0
            // lost_after is 5 s, two workers take 8 · 0.3 · 1.3 ÷ 2 s, an evaluation between two steps up to 1.2 s; the
            // rest is looking at the clock and messages.
            #expect(gap < 5 + 1.6 + 1.2 + 3, "seed \(seed): \(gap) s without a step")
        }
    }

    @Test("a drained worker finishes its part, and no generation starts for it")
    func drainLosesNothing() {
        for seed in 0..<100 as Range<UInt64> {
            let cluster = cluster(seed: seed)
            cluster.network.dawdling = 0
            cluster.world.after(4 + Double(seed) * 0.05) { cluster.workers[1].terminate() }
            #expect(SimulationCheck.run(cluster, limit: 90) == [], "seed \(seed)")
            #expect(cluster.disk.maximumGeneration == 1, "seed \(seed)")
            #expect(cluster.workers[1].ending == .left(reason: "SIGTERM"), "seed \(seed)")
            let computed = cluster.workers.reduce(0) { $0 + $1.computedLeafCount }
            #expect(computed == 64, "seed \(seed)")
        }
    }

    @Test("when the last worker is drained its state is saved, and another goes on from it")
    func lastDrainedWorkerLeavesItsState() {
        for seed in 0..<50 as Range<UInt64> {
            let cluster = cluster(seed: seed, workers: 1)
            cluster.checkpointEvery = 100
            cluster.world.after(5 + Double(seed) * 0.1) { cluster.workers[0].terminate() }
            cluster.world.after(30) { cluster.startWorker(threadCount: 2, secondsPerLeaf: 0.1) }
            _ = cluster.world.run(limit: 29) { false }
            #expect(cluster.workers[0].ending == .left(reason: "SIGTERM"), "seed \(seed)")
            #expect(cluster.disk.checkpoint.step == UInt64(cluster.disk.ledger.count), "seed \(seed)")
            #expect(SimulationCheck.run(cluster, limit: 90) == [], "seed \(seed)")
            #expect(cluster.disk.replayCount == 0, "seed \(seed)")
        }
    }

    @Test("a state that is whole when its worker is lost is not taken for the one that is loaded meanwhile")
    func lateSnapshotIsNobodys() {
        for seed in 0..<100 as Range<UInt64> {
            let cluster = cluster(seed: seed, workers: 1)
            cluster.digestSeconds = 0.3
            var pieces = 0
            cluster.trace = { [unowned cluster] line in
                guard line.hasPrefix("term 1 gets from 1 state_chunk") else { return }
                pieces += 1
                if pieces == 2 { cluster.workers[0].die() }
            }
            cluster.checkpointEvery = 3
            cluster.world.after(40) { cluster.startWorker(threadCount: 2, secondsPerLeaf: 0.1) }
            #expect(SimulationCheck.run(cluster, limit: 120) == [], "seed \(seed)")
            #expect(pieces >= 2, "seed \(seed)")
        }
    }

    @Test("a checkpoint that takes long to fetch costs the steps nothing")
    func checkpointsOverlapSteps() {
        func seconds(every: UInt64) -> Double {
            let cluster = cluster(seed: 3)
            cluster.jitter = 1...1
            // One message that takes forty times as long weighs more than what is looked for.
            cluster.network.dawdling = 0
            cluster.checkpointEvery = every
            cluster.uploadSeconds = 0.8
            #expect(SimulationCheck.run(cluster, limit: 90) == [])
            return (cluster.finishTimes[8] ?? .infinity) - (cluster.finishTimes[1] ?? 0)
        }
        // Three checkpoints of 0.8 s each.
        let difference = seconds(every: 2) - seconds(every: 100)
        #expect(difference < 0.5, "\(difference) s")
    }

    @Test("with no worker left the run waits, and recomputes no more than the steps behind the checkpoint")
    func waitsForAWorker() {
        for seed in 0..<100 as Range<UInt64> {
            let cluster = cluster(seed: seed)
            cluster.checkpointEvery = 3
            cluster.world.after(4 + Double(seed) * 0.08) {
                for worker in cluster.livingWorkers { worker.die() }
            }
            cluster.world.after(60) { cluster.startWorker(threadCount: 2, secondsPerLeaf: 0.1) }
            #expect(SimulationCheck.run(cluster, limit: 120) == [], "seed \(seed)")
            #expect(cluster.disk.replayCount <= 3, "seed \(seed)")
        }
    }
}
