import Coordination
import Testing

/// Four workers of one thread, four micro-batches each; one becomes four times slower.
@Suite struct StragglerTests {
    private static let task = SimulatedTask(stepCount: 10, leafCount: 16)

    /// Seconds of each step.
    private func steps(workers: Int, isStar: Bool, slowAfter step: UInt64? = nil, seed: UInt64) -> [Double] {
        let cluster = SimulatedCluster(
            seed: seed, task: Self.task, isStar: isStar, minimumWorkers: workers)
        cluster.jitter = 1...1
        cluster.checkpointEvery = 100
        for _ in 0..<workers { cluster.startWorker(threadCount: 1, secondsPerLeaf: 1) }
        if let step {
            // In the middle of the step behind it.
            _ = cluster.world.run(limit: 100) { cluster.finishTimes[step] != nil }
            _ = cluster.world.run(limit: cluster.world.time + 0.5) { false }
            cluster.workers[1].secondsPerLeaf = 4
        }
        #expect(SimulationCheck.run(cluster, limit: 200) == [], "seed \(seed)")
        let times = (1...Self.task.stepCount).map { cluster.finishTimes[$0] ?? .infinity }
        return zip(times, times.dropFirst()).map { $1 - $0 }
    }

    @Test(
        "it costs less than half a step more than the cluster without it, from the first moment on",
        arguments: [false, true])
    func costsLessThanHalfAStep(isStar: Bool) {
        for seed in 0..<20 as Range<UInt64> {
            let without = steps(workers: 3, isStar: isStar, seed: seed)
            let whole = steps(workers: 4, isStar: isStar, seed: seed)
            let slowed = steps(workers: 4, isStar: isStar, slowAfter: 3, seed: seed)
            // Steps 3 and 6 carry the evaluations behind steps 2 and 5.
            for index in [3, 5, 6, 8] {
                #expect(
                    slowed[index] < without[index] * 1.5,
                    "seed \(seed), step \(index + 2): \(slowed[index]) s, without it \(without[index]) s")
            }
            #expect(whole[3] < without[3])
        }
    }

    @Test("workers of equal speed are not asked to give anything up")
    func equalWorkersKeepTheirs() {
        for seed in 0..<50 as Range<UInt64> {
            let cluster = SimulatedCluster(seed: seed, task: Self.task, minimumWorkers: 4)
            for _ in 0..<4 { cluster.startWorker(threadCount: 1, secondsPerLeaf: 1) }
            #expect(SimulationCheck.run(cluster, limit: 200) == [], "seed \(seed)")
            #expect(cluster.disk.maximumGeneration == 1, "seed \(seed)")
            #expect(cluster.workers.reduce(0) { $0 + $1.computedLeafCount } == 160, "seed \(seed)")
        }
    }
}
