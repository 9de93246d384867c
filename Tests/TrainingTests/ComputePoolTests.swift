import Synchronization
import Testing
import Training

@Suite struct ComputePoolTests {
    private final class Counter {
        var jobs = 0
    }
    private struct Failure: Error, Equatable {
        let index: Int
    }

    @Test("results come back in the order of the indices, whatever thread made them")
    func resultsKeepOrder() throws {
        let pool = ComputePool(threadCount: 3) { Counter() }
        let results = try pool.map(count: 100) { index, counter in
            counter.jobs += 1
            return index * index
        }
        #expect(results == (0..<100).map { $0 * $0 })
    }

    @Test("each thread keeps a scratch of its own")
    func scratchBelongsToItsThread() throws {
        let made = Mutex(0)
        let pool = ComputePool(threadCount: 2) {
            made.withLock { $0 += 1 }
            return Counter()
        }
        _ = try pool.map(count: 50) { _, counter in counter.jobs += 1 }
        #expect(made.withLock { $0 } <= 2)
    }

    @Test("the first error by index is thrown once all jobs have ended")
    func firstErrorByIndexIsThrown() {
        let pool = ComputePool(threadCount: 2) { Counter() }
        let ended = Mutex(0)
        #expect(throws: Failure(index: 3)) {
            _ = try pool.map(count: 10) { index, _ in
                defer { ended.withLock { $0 += 1 } }
                if index == 3 || index == 7 { throw Failure(index: index) }
            }
        }
        #expect(ended.withLock { $0 } == 10)
    }
}

@Suite struct ProcessorCountTests {
    @Test("a batch system's setting goes before everything else")
    func batchSystemSettingCounts() {
        #expect(ProcessorCount.available(environment: ["SLURM_CPUS_PER_TASK": "7"]) == 7)
        #expect(ProcessorCount.available(environment: ["SLURM_CPUS_PER_TASK": "none"]) >= 1)
    }

    @Test(
        "an affinity list of ranges and single processors is counted",
        arguments: [
            ("Name:\tx\nCpus_allowed_list:\t0-3,8\n", 5), ("Cpus_allowed_list:\t2\n", 1),
        ])
    func affinityListIsCounted(status: String, expected: Int) {
        #expect(ProcessorCount.affinity(status: status) == expected)
    }
}
