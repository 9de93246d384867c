import Testing
import Training

@Suite struct JobSizeTests {
    /// Tokens of each job that is made of micro-batches of `lengths`, one after the other.
    private func jobs(_ lengths: [Int], threads: Int, wanted: Int = 256) -> [Int] {
        let size = JobSize(tokenCount: lengths.reduce(0, +), threadCount: threads, wanted: wanted)
        var jobs: [Int] = []
        for length in lengths {
            if let last = jobs.last, size.admits(length, behind: last) {
                jobs[jobs.count - 1] += length
            } else {
                jobs.append(length)
            }
        }
        return jobs
    }

    @Test("threads get equal jobs where their shares are near the wanted size")
    func sharesAreEven() {
        #expect(jobs(Array(repeating: 64, count: 8), threads: 2) == [256, 256])
        // A little more than the wanted size is one job and not a large and a small one.
        #expect(jobs(Array(repeating: 70, count: 8), threads: 2) == [280, 280])
        #expect(jobs([60, 70, 80, 74, 90, 66, 61, 69], threads: 2) == [284, 286])
        #expect(jobs(Array(repeating: 70, count: 4), threads: 1) == [280])
        // Much more is two of half the size.
        #expect(jobs(Array(repeating: 90, count: 8), threads: 2) == [180, 180, 180, 180])
        #expect(jobs([30, 30], threads: 2) == [30, 30])
        #expect(jobs([100, 100, 100, 100, 100], threads: 2) == [300, 200])
    }

    @Test("large micro-batches, and those of an engine that groups none, stay by themselves")
    func othersStayAlone() {
        #expect(jobs([256, 256, 256, 256], threads: 2) == [256, 256, 256, 256])
        #expect(jobs([256, 256, 256, 256], threads: 3) == [256, 256, 256, 256])
        #expect(jobs([2048, 2048], threads: 2) == [2048, 2048])
        #expect(jobs([4, 1, 3, 1], threads: 1, wanted: 0) == [4, 1, 3, 1])
        #expect(JobSize().admits(1, behind: 0) == false)
    }

    @Test("several micro-batches never exceed what memory is estimated for", arguments: 1...200)
    func memoryIsBounded(seed: Int) {
        let lengths = (0..<12).map { 1 + (seed &* 7919 &+ $0 &* 104_729) % 300 }
        for threads in 1...4 {
            let jobs = jobs(lengths, threads: threads)
            #expect(jobs.allSatisfy { $0 <= max(JobSize.mostTokens, lengths.max() ?? 0) })
            #expect(jobs.reduce(0, +) == lengths.reduce(0, +))
        }
    }
}
