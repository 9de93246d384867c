import Foundation
import Fuzzing
import Glibc

/// Runs a target's inputs in child processes, goes on behind an input that ends one, and keeps that input.
struct FuzzParent {
    let type: any FuzzTarget.Type
    let limits: FuzzLimits
    /// Where inputs that failed are left.
    let output: String
    let failureLimit = 20

    /// What a target's inputs came to.
    struct Report {
        var executions: UInt64 = 0
        var accepted: UInt64 = 0
        var refused: UInt64 = 0
        var slowestSeconds = 0.0
        var slowestSeed: UInt64 = 0
        var startKilobytes: UInt64 = 0
        var peakKilobytes: UInt64 = 0
        var failures = 0
        /// The first seed that was not tried.
        var nextSeed: UInt64 = 0
    }

    func run(seeds: Range<UInt64>, seconds: Double?) throws -> Report {
        var report = Report()
        report.nextSeed = seeds.lowerBound
        let deadline = seconds.map { SharedTally.now(CLOCK_MONOTONIC) + UInt64($0 * 1e9) } ?? .max
        let shared = FileManager.default.temporaryDirectory.appending(path: "shoal-fuzz-\(UUID().uuidString)")
            .path
        defer {
            for suffix in ["", ".stderr"] { try? FileManager.default.removeItem(atPath: shared + suffix) }
        }
        while report.nextSeed < seeds.upperBound, SharedTally.now(CLOCK_MONOTONIC) < deadline,
            report.failures < failureLimit
        {
            try? FileManager.default.removeItem(atPath: shared)
            let tally = try SharedTally(path: shared)
            let ending = try runChild(seeds: report.nextSeed..<seeds.upperBound, deadline: deadline, tally)
            report.executions += tally[.executions]
            report.accepted += tally[.accepted]
            report.refused += tally[.refused]
            report.startKilobytes = max(report.startKilobytes, tally[.startKilobytes])
            report.peakKilobytes = max(report.peakKilobytes, tally[.peakKilobytes])
            if Double(tally[.slowestNanoseconds]) / 1e9 > report.slowestSeconds {
                report.slowestSeconds = Double(tally[.slowestNanoseconds]) / 1e9
                report.slowestSeed = tally[.slowestSeed]
            }
            report.nextSeed += tally[.executions]
            guard let ending else { break }
            guard tally[.current] > 0 else { throw FuzzFailure("\(type.name) cannot start: \(ending)") }
            let seed = tally[.current] - 1
            report.nextSeed = seed + 1
            report.executions += ending.isCounted ? 0 : 1
            report.failures += 1
            let path = try keep(seed: seed)
            print("FAILED \(type.name) seed \(seed): \(ending.reason)\n  input in \(path)")
        }
        return report
    }

    private struct Ending {
        var reason: String
        /// Whether the child had counted the input before it gave up.
        var isCounted = false
    }

    /// - Returns: nil when the child came to its end.
    private func runChild(seeds: Range<UInt64>, deadline: UInt64, _ tally: SharedTally) throws -> Ending? {
        let child = Process()
        child.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments = [
            "--child", tally.path, "--seed", "\(seeds.lowerBound)", "--count", "\(seeds.count)", "--deadline",
            "\(deadline)", "--limit-seconds", "\(limits.seconds)", "--limit-megabytes", "\(limits.megabytes)",
            type.name,
        ]
        // The runtime's own report of a crash takes seconds; the input is all that is needed.
        child.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) {
            $1
        }
        let errors = tally.path + ".stderr"
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        child.standardError = try FileHandle(forWritingTo: URL(filePath: errors))
        try child.run()
        var isStalled = false
        while child.isRunning {
            usleep(20_000)
            let began = tally[.began]
            let now = SharedTally.now(CLOCK_MONOTONIC)
            if tally[.current] > 0, now > began, now - began > UInt64(limits.stalledSeconds) * 1_000_000_000 {
                isStalled = true
                kill(child.processIdentifier, SIGKILL)
            }
        }
        child.waitUntilExit()
        if tally[.isDone] == 1 { return nil }
        if isStalled { return Ending(reason: "no end after \(limits.stalledSeconds) s") }
        let said =
            FileManager.default.contents(atPath: errors).map {
                String(decoding: $0.prefix(600), as: UTF8.self)
            } ?? ""
        switch (child.terminationReason, child.terminationStatus) {
        case (.exit, FuzzChild.memoryStatus): return Ending(reason: tally.text, isCounted: true)
        case (.exit, FuzzChild.failureStatus): return Ending(reason: tally.text)
        case (.uncaughtSignal, SIGPROF):
            return Ending(reason: "more than \(limits.seconds) s of processor time")
        case (.uncaughtSignal, let signal): return Ending(reason: "ended by signal \(signal). \(said)")
        case (_, let status): return Ending(reason: "ended with status \(status). \(said)")
        }
    }

    /// Writes the input of a seed: a file, or a folder for one of several parts.
    private func keep(seed: UInt64) throws -> String {
        let input = try type.init(FuzzWorkspace()).input(seed: seed)
        let path = output + "/\(type.name)-\(seed)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (index, part) in input.parts.enumerated() {
            let name = part.name.hasPrefix("frame") ? "frame\(index)" : part.name
            try Data(part.bytes).write(to: URL(filePath: path + "/" + name))
        }
        return path
    }
}
