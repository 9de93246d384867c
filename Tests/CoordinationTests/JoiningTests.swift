import Coordination
import Testing
import WireProtocol

/// Newcomers while steps go on.
@Suite struct JoiningTests {
    private static let task = SimulatedTask(stepCount: 14, leafCount: 8)

    /// Three workers, of which a step takes about a second.
    private func cluster(
        seed: UInt64, task: SimulatedTask = Self.task, isStar: Bool = false
    ) -> SimulatedCluster {
        let cluster = SimulatedCluster(seed: seed, task: task, isStar: isStar, minimumWorkers: 3)
        cluster.jitter = 1...1
        cluster.network.dawdling = 0
        cluster.checkpointEvery = 100
        for _ in 0..<3 { cluster.startWorker(threadCount: 1, secondsPerLeaf: 0.3) }
        return cluster
    }

    /// Runs until two steps are done, then starts a fourth worker.
    private func join(_ cluster: SimulatedCluster) -> SimulatedWorker {
        _ = cluster.world.run(limit: 100) { cluster.finishTimes[2] != nil }
        return cluster.startWorker(threadCount: 1, secondsPerLeaf: 0.3)
    }

    /// The longest time between two steps.
    private func longestGap(_ cluster: SimulatedCluster) -> Double {
        let times = (2...Self.task.stepCount).map { cluster.finishTimes[$0] ?? .infinity }
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
    }

    @Test(
        "a newcomer makes up for the steps that go on while its state is on its way",
        arguments: [false, true])
    func joinsWhileStepsGoOn(isStar: Bool) {
        for seed in 0..<40 as Range<UInt64> {
            let undisturbed = cluster(seed: seed, isStar: isStar)
            #expect(SimulationCheck.run(undisturbed, limit: 90) == [], "seed \(seed)")
            let cluster = cluster(seed: seed, isStar: isStar)
            cluster.uploadSeconds = 1.2
            cluster.downloadSeconds = 2.5
            let newcomer = join(cluster)
            #expect(SimulationCheck.run(cluster, limit: 90) == [], "seed \(seed)")
            #expect(newcomer.followedStepCount >= 2, "seed \(seed)")
            #expect(newcomer.computedLeafCount > 0, "seed \(seed)")
            #expect(cluster.disk.maximumGeneration == 1, "seed \(seed)")
            // Nobody waited for the 3.7 s: at most for the last update the newcomer made up for.
            #expect(
                longestGap(cluster) < longestGap(undisturbed) + 0.5,
                "seed \(seed): \(longestGap(cluster)) s, undisturbed \(longestGap(undisturbed)) s")
        }
    }

    @Test("where steps are quicker than the state, they wait for it rather than leave the newcomer behind")
    func quickStepsWait() {
        for seed in 0..<20 as Range<UInt64> {
            let cluster = cluster(seed: seed, task: SimulatedTask(stepCount: 60, leafCount: 8))
            for worker in cluster.workers { worker.secondsPerLeaf = 0.02 }
            cluster.downloadSeconds = 6
            let newcomer = join(cluster)
            #expect(SimulationCheck.run(cluster, limit: 90) == [], "seed \(seed)")
            #expect(newcomer.followedStepCount == 8, "seed \(seed)")
            #expect(newcomer.computedLeafCount > 0, "seed \(seed)")
        }
    }

    @Test("a worker that never has the state is waited for twice, each time for lost_after, then refused")
    func neverLoadedDoesNotHoldTheRun() {
        for seed in 0..<20 as Range<UInt64> {
            let cluster = cluster(seed: seed)
            let newcomer = join(cluster)
            newcomer.swallowsState = true
            let problems = SimulationCheck.run(cluster, limit: 90)
            #expect(
                problems.count == 1 && problems[0].contains("did not load the state"),
                "seed \(seed): \(problems)")
            if case .refused(let refusal)? = newcomer.ending {
                #expect(refusal.code == .notAdmitted)
            } else {
                Issue.record("seed \(seed): \(newcomer.ending.map { "\($0)" } ?? "still there")")
            }
            // A step, lost_after, looking at the clock, an evaluation.
            #expect(longestGap(cluster) < 1 + 5 + 1 + 1.5, "seed \(seed): \(longestGap(cluster)) s")
            #expect(cluster.disk.maximumGeneration == 1, "seed \(seed)")
        }
    }

    @Test("a newcomer that does not see one of the others takes part through a third")
    func joinsThroughAThird() {
        for seed in 0..<20 as Range<UInt64> {
            let cluster = cluster(seed: seed)
            let newcomer = join(cluster)
            cluster.cut(newcomer.process, 1, seconds: 1e6)
            #expect(SimulationCheck.run(cluster, limit: 120) == [], "seed \(seed)")
            #expect(newcomer.computedLeafCount > 0, "seed \(seed)")
        }
    }
}
