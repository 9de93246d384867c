import Foundation
import Fuzzing
import Glibc

/// The process that runs a target's inputs, and may die of one.
enum FuzzChild {
    /// Exit statuses that are no crash.
    static let memoryStatus: Int32 = 3
    static let failureStatus: Int32 = 4

    /// Runs `seeds` until `deadline` (monotonic nanoseconds); `tally` says how far it came.
    static func run(
        _ type: any FuzzTarget.Type, seeds: Range<UInt64>, deadline: UInt64, limits: FuzzLimits,
        tally: SharedTally
    ) throws {
        let target = try type.init(FuzzWorkspace())
        // One input and one acceptance first, so that what is loaded once is not counted.
        for input in target.corpus.prefix(8) { _ = try? target.execute(input) }
        let start = SharedTally.peakKilobytes()
        tally[.startKilobytes] = start
        tally[.peakKilobytes] = start
        for seed in seeds {
            let began = SharedTally.now(CLOCK_MONOTONIC)
            if began >= deadline { break }
            tally[.began] = began
            tally[.current] = seed + 1
            limitProcessorTime(limits.seconds)
            let clock = SharedTally.now(CLOCK_PROCESS_CPUTIME_ID)
            do {
                let isAccepted = try target.execute(target.input(seed: seed))
                tally[isAccepted ? .accepted : .refused] += 1
            } catch {
                tally.text = "\(error)"
                exit(failureStatus)
            }
            let nanoseconds = SharedTally.now(CLOCK_PROCESS_CPUTIME_ID) - clock
            tally[.executions] += 1
            if nanoseconds > tally[.slowestNanoseconds] {
                tally[.slowestNanoseconds] = nanoseconds
                tally[.slowestSeed] = seed
            }
            let peak = SharedTally.peakKilobytes()
            tally[.peakKilobytes] = peak
            if peak > start + UInt64(limits.megabytes) << 10 {
                tally.text = "resident memory grew from \(start >> 10) to \(peak >> 10) MiB"
                exit(memoryStatus)
            }
        }
        limitProcessorTime(0)
        tally[.current] = 0
        tally[.isDone] = 1
    }

    /// SIGPROF ends the process after so many seconds of processor time; 0 lifts the limit.
    private static func limitProcessorTime(_ seconds: Int) {
        var timer = itimerval(
            it_interval: timeval(tv_sec: 0, tv_usec: 0), it_value: timeval(tv_sec: seconds, tv_usec: 0))
        unsafe setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
    }
}

/// What one input may take.
struct FuzzLimits {
    /// Processor time of an input.
    var seconds = 1
    /// Resident memory above what the process has at its start.
    var megabytes = 512
    /// Time of an input by the clock, for one that waits without computing.
    var stalledSeconds = 60
}
