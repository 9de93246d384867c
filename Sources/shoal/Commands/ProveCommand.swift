import ArgumentParser
import Cluster
import Coordination
import Foundation
import Glibc
import Logging
import Training

struct ProveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Compute a step of a run once more and compare it with the ledger.",
        discussion: """
            Begins at the newest checkpoint before the step (else at the initial adapter), with any number of workers: \
            the bits do not depend on it. Exits with status 65 and names what differs: a checkpoint's file, the base, \
            a data file, a key of config.yaml, a line of the ledger, or the step and its examples. Writes nothing.

            Example:
              shoal prove runs/reviews --step 40 --workers 2
            """)

    @Argument(help: ArgumentHelp("A RUN folder.", valueName: "run"))
    var path: String

    @Option(help: "The step to prove (default: the newest).")
    var step: Int?

    @Option(help: "Worker processes on this machine.")
    var workers = 1

    @Option(help: "Compute threads of each worker (default: the processors here, shared out).")
    var threads: Int?

    @Flag(help: "The result as one line of JSON.")
    var json = false

    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if let step, step < 1 { throw ValidationError("--step is \(step), expected 1 or more") }
        if !(1...1024).contains(workers) {
            throw ValidationError("--workers is \(workers), expected 1 to 1024")
        }
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
    }

    func run() async throws {
        let log = logging.bootstrap()
        let proof = try await StepProof(path: path, step: step, logger: log, showsProgress: !logging.quiet)
        log.info(
            "proving",
            metadata: ["step": "\(proof.step)", "from": "\(proof.fromStep)", "workers": "\(workers)"])
        let cluster = LocalCluster(
            workerCount: workers, threadCount: LocalCluster.threadCount(workers: workers, given: threads),
            setup: proof.setup, verbose: logging.verbose, log: log)
        let outcome = try await cluster.run(
            proof, options: CoordinatorOptions(proof, minimumWorkers: workers))
        proof.finishProgress()
        switch outcome.ending {
        case .completed: break
        case .interrupted(let reason, _):
            let status = outcome.lastWorkerStatus ?? ExitStatus.interrupted
            throw CommandEnding(
                status: status == 0 ? ExitStatus.interrupted : status,
                message: "error: step \(proof.step) is not proven: interrupted (\(reason))")
        case .failed(let code, let message):
            throw CommandEnding(
                status: Int32(clamping: code), message: "error: step \(proof.step) is not proven: \(message)")
        }
        guard let result = proof.result else {
            throw CommandEnding(
                status: ExitStatus.internalError, message: "error: step \(proof.step) was not computed")
        }
        try show(result)
    }

    private func show(_ result: StepProof.Result) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            StandardOutput.write(String(decoding: try encoder.encode(result), as: UTF8.self) + "\n")
            return
        }
        StandardOutput.write(
            Format.table([
                ["step", "\(result.step)"],
                ["computed from", result.fromStep == 0 ? "the initial adapter" : "step \(result.fromStep)"],
                ["workers", "\(result.workerCount)"],
                ["gradient", result.gradientDigest],
                ["state after it", result.stateDigest],
                ["compared with", "the ledger" + (result.stateComparedWith.map { ", \($0)" } ?? "")],
            ]))
        StandardOutput.write("step \(result.step) is proven\n")
    }
}
