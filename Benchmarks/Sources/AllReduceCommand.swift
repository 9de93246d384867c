import ArgumentParser
import Cluster
import Coordination
import Foundation
import Training
import WireProtocol
import ZeroMQ

/// The exchange of gradients between real processes, without anything to compute.
struct AllReduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all-reduce",
        abstract:
            "One process of an all-reduce over real sockets; Benchmarks/all-reduce starts them in namespaces.",
        discussion: """
            The coordinator prints a token; workers take it with --token, or connect in the clear with --insecure.

            Example:
              Benchmarks/all-reduce --workers 2 --rate 1gbit
            """)

    @Option(help: "coordinator or worker.") var role: String
    @Option(help: "The coordinator's address.") var address: String
    @Option(help: "Workers.") var workers = 2
    @Option(help: "Elements of the gradient.") var floats = 2_442_240
    @Option(help: "Exchanges; the first two are not counted.") var rounds = 22
    @Option(help: "What the coordinator printed.") var token: String?
    @Option(help: "This worker's own address, for its peers.") var advertise: String?
    @Flag(help: "Without CURVE.") var insecure = false
    @Flag(help: "Through the coordinator instead of between workers.") var star = false

    func run() throws {
        switch role {
        case "coordinator": try runCoordinator()
        case "worker": try runWorker()
        default: throw ValidationError("--role is '\(role)', expected coordinator or worker")
        }
    }

    private func runCoordinator() throws {
        let driver = BenchmarkDriver(
            parameterCount: floats, stepCount: UInt64(rounds), microBatchCount: workers)
        var options = CoordinatorOptions(
            runID: driver.runID, term: driver.term, parameterCount: floats, baseDigest: "benchmark")
        options.minimumWorkers = workers
        var settings = CoordinatorService.Settings(listen: [address])
        settings.isStar = star
        settings.security = .insecure
        if !insecure {
            let keys = try ClusterKeys.ephemeral()
            settings.security = .curve(keys: keys.coordinator, workerKeys: [keys.worker.publicKey])
            FileHandle.standardOutput.write(Data((keys.invitation(address: address).token + "\n").utf8))
        }
        let service = CoordinatorService(settings: settings, options: options, driver: driver)
        guard case .completed = try service.run() else { throw ExitCode.failure }
        let counted = driver.outcomes.dropFirst(2)
        let reduce = Timing(seconds: counted.map(\.reduceSeconds))
        let step = Timing(seconds: counted.map(\.stepSeconds))
        let sent = counted.reduce(0) { $0 + $1.wireBytesSent } / UInt64(max(counted.count, 1))
        print(
            "{\"workers\":\(workers),\"floats\":\(floats),\"curve\":\(!insecure),\"rounds\":\(counted.count),"
                + "\"reduce_seconds_median\":\(reduce.median),\"reduce_seconds_minimum\":\(reduce.minimum),"
                + "\"reduce_seconds_p90\":\(reduce.ninetieth),\"step_seconds_median\":\(step.median),"
                + "\"bytes_sent\":\(sent)}")
    }

    private func runWorker() throws {
        var settings = WorkerService.Settings(
            coordinator: address,
            register: Register(
                shoalVersion: ShoalVersion.current, host: ProcessInfo.processInfo.hostName,
                processID: UInt32(ProcessInfo.processInfo.processIdentifier), baseDigest: "benchmark",
                numerics: NumericsFingerprint(blas: "none", core: "none", kernels: "none"), threadCount: 1,
                dataEndpoint: "", publicKey: ""))
        settings.advertisedHost = advertise
        settings.security = .insecure
        if let token {
            let invitation = try Invitation(token: token)
            settings.security = .curve(
                keys: invitation.workerKeys, coordinatorKey: invitation.coordinatorKey)
        }
        let floats = floats
        let service = WorkerService(settings: settings) { _ in InstantEngine(parameterCount: floats) }
        guard case .finished = try service.run() else { throw ExitCode.failure }
    }
}
