import ArgumentParser
import Cluster
import Configurations
import Coordination
import Dashboard
import Foundation
import Logging
import Training

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train with a coordinator and local worker processes, in one command.",
        discussion: """
            Writes RUN/adapter, a PEFT folder, when it ends well. Interrupted (Ctrl-C, SIGTERM) it saves the last \
            step and exits with status 75; --resume goes on from there, on any number of workers, to the same bits.

            Example:
              shoal train Examples/reviews/config.yaml --workers 2 --output runs/reviews
              shoal train --resume runs/reviews --workers 1
            """)

    @OptionGroup(title: "Run") var run: RunOptions

    @Option(help: "Worker processes on this machine.")
    var workers = 1

    @Option(help: "Compute threads of each worker (default: the processors here, shared out).")
    var threads: Int?

    @OptionGroup var dashboard: DashboardOptions
    @OptionGroup(title: "Configuration") var overrides: OverrideOptions
    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if !(1...1024).contains(workers) {
            throw ValidationError("--workers is \(workers), expected 1 to 1024")
        }
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
    }

    func run() async throws {
        let log = logging.bootstrap()
        let training = try await run.open(overrides, logger: log)
        do {
            try describe(training, log: log)
        } catch {
            training.abandon()
            throw error
        }
        let cluster = LocalCluster(
            workerCount: workers, threadCount: threadsPerWorker, setup: training.setup,
            verbose: logging.verbose,
            log: log)
        let outcome: LocalCluster.Outcome
        var page: DashboardServer?
        defer { page?.stop() }
        do {
            outcome = try await cluster.run(
                training, options: CoordinatorOptions(training, minimumWorkers: workers)
            ) { page = try await dashboard.start(training, endpoint: $0, log: log) }
        } catch {
            training.abandon()
            throw error
        }
        if case .interrupted = outcome.ending, let status = outcome.lastWorkerStatus, status != 0 {
            training.close()
            throw CommandEnding(
                status: status,
                message: "error: all workers ended (the last with status \(status)); their messages "
                    + "are above. Go on with: shoal train --resume \(training.path)")
        }
        try RunConclusion.conclude(outcome.ending, run: training, command: "train")
    }

    /// Says what is going to be trained, from the rows of the first steps.
    private func describe(_ training: TrainingRun, log: Logger) throws {
        let preflight = try Preflight(training.setup, maximumSteps: 20)
        try requireMemory(preflight, configuration: training.setup.configuration)
        log.info("\(PreflightText.trained(preflight))")
        log.info("\(PreflightText.work(preflight))")
        if let warning = PreflightText.threadWarning(preflight, threads: workers * threadsPerWorker) {
            log.warning("\(warning)")
        }
    }

    /// Refuses what the memory here cannot hold, before a worker is started.
    private func requireMemory(_ preflight: Preflight, configuration: RunConfiguration) throws {
        let memory = preflight.memory
        let each = Array(repeating: memory.worker(threads: threadsPerWorker), count: workers)
        let coordinator = memory.coordinator(isStar: configuration.cluster.collective == .star)
        try memory.requireFit(
            each + [coordinator],
            of: "a coordinator with \(workers) worker\(workers == 1 ? "" : "s") of \(threadsPerWorker) "
                + "thread\(threadsPerWorker == 1 ? "" : "s")",
            method: configuration.method)
    }

    private var threadsPerWorker: Int { LocalCluster.threadCount(workers: workers, given: threads) }
}
