import ArgumentParser
import Foundation
import Fuzzing
import Glibc

@main
struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz",
        abstract: "Put mutated inputs through the readers of untrusted bytes.",
        discussion: """
            An input is made from the corpus and a seed alone, so a failure is repeated with --seed S --count 1. It \
            fails when it ends the process, takes more than a second of processor time, makes the process grow beyond \
            the limit, or is accepted and breaks a promise; it is then left in the folder --output.

            Targets: \(FuzzTargets.all.map { $0.name }.joined(separator: ", ")).

            Example:
              scripts/fuzz --count 100000 messages gguf
            """)

    @Option(help: "Seconds for each target (default: 10, unless --count is given).")
    var seconds: Double?

    @Option(help: "Inputs for each target.")
    var count: UInt64?

    @Option(help: "Seed of the first input; the next has the next.")
    var seed: UInt64 = 0

    @Option(help: "Where inputs that failed are left.")
    var output = ".build/fuzz"

    @Option(help: "Runs what a failure left there, or one file, instead of mutated inputs.")
    var input: String?

    @Option(help: "Seconds of processor time an input may take.")
    var limitSeconds = 1

    @Option(help: "MiB by which the process may grow.")
    var limitMegabytes = 512

    @Option(help: .hidden)
    var child: String?

    @Option(help: .hidden)
    var deadline: UInt64 = .max

    @Argument(help: "Targets (default: all).")
    var targets: [String] = []

    func run() throws {
        let types = try targets.map { name in
            guard let type = FuzzTargets.named(name) else {
                throw ValidationError(
                    "no target '\(name)'; there are "
                        + FuzzTargets.all.map { $0.name }.joined(separator: ", "))
            }
            return type
        }
        let limits = FuzzLimits(seconds: limitSeconds, megabytes: limitMegabytes)
        if let child, let type = types.first {
            return try FuzzChild.run(
                type, seeds: seed..<seed + (count ?? 0), deadline: deadline, limits: limits,
                tally: try SharedTally(path: child))
        }
        if let input {
            guard types.count == 1 else { throw ValidationError("--input needs one target") }
            let isAccepted = try types[0].init(FuzzWorkspace()).execute(try Self.read(input))
            return print(isAccepted ? "accepted" : "refused")
        }
        var failures = 0
        print(
            "target          executions   accepted    refused      /s  slowest ms (seed)   peak MiB  failures  next seed"
        )
        for type in types.isEmpty ? FuzzTargets.all : types {
            let began = SharedTally.now(CLOCK_MONOTONIC)
            let report = try FuzzParent(type: type, limits: limits, output: output).run(
                seeds: seed..<seed + (count ?? 1 << 40), seconds: seconds ?? (count == nil ? 10 : nil))
            let elapsed = Double(SharedTally.now(CLOCK_MONOTONIC) - began) / 1e9
            print(Self.line(type.name, report, elapsed))
            failures += report.failures
        }
        if failures > 0 { throw ExitCode(1) }
    }

    private static func line(_ name: String, _ report: FuzzParent.Report, _ elapsed: Double) -> String {
        func padded(_ value: some Any, _ width: Int) -> String {
            let text = "\(value)"
            return String(repeating: " ", count: max(0, width - text.count)) + text
        }
        let slowest = (report.slowestSeconds * 1e4).rounded() / 10
        return name + String(repeating: " ", count: max(0, 14 - name.count))
            + padded(report.executions, 12) + padded(report.accepted, 11) + padded(report.refused, 11)
            + padded(Int(Double(report.executions) / elapsed), 8)
            + padded("\(slowest) (\(report.slowestSeed))", 19)
            + padded(
                "\(report.peakKilobytes >> 10) (+\((report.peakKilobytes - report.startKilobytes) >> 10))", 11
            )
            + padded(report.failures, 10) + padded(report.nextSeed, 11)
    }

    /// A folder of parts, or a file as the only one.
    private static func read(_ path: String) throws -> FuzzInput {
        var isFolder: ObjCBool = false
        _ = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard isFolder.boolValue else {
            let url = URL(filePath: path)
            return FuzzInput([.init(url.lastPathComponent, Array(try Data(contentsOf: url)))])
        }
        return FuzzInput(
            try FileManager.default.contentsOfDirectory(atPath: path).sorted().map {
                .init($0, Array(try Data(contentsOf: URL(filePath: path + "/" + $0))))
            })
    }
}
