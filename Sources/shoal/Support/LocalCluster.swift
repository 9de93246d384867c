import Bases
import Cluster
import Configurations
import Coordination
import Foundation
import Glibc
import Logging
import Synchronization
import Training

/// A coordinator in this process and workers as its children, over Unix sockets.
struct LocalCluster {
    /// Worker processes.
    var workerCount: Int
    /// Compute threads of each.
    var threadCount: Int
    /// What is trained.
    var setup: RunSetup
    /// Whether workers write more than warnings.
    var verbose: Bool
    var log: Logger

    /// How it ended.
    struct Outcome {
        var ending: RunEnding
        /// Exit status of the last worker, when all had ended on their own.
        var lastWorkerStatus: Int32?
    }

    /// Compute threads of each of `workerCount` workers that share the processors here.
    static func threadCount(workers workerCount: Int, given: Int?) -> Int {
        given ?? max(1, ProcessorCount.available() / workerCount)
    }

    /// Runs `driver` to its end; SIGTERM and Ctrl-C interrupt it. No worker is left behind.
    ///
    /// - Throws: when the coordinator or the executable cannot be started.
    ///
    /// - Parameter onEndpoint: is given the control endpoint before the coordinator listens there.
    func run(
        _ driver: any RunDriver, options: CoordinatorOptions,
        onEndpoint: (String) async throws -> Void = { _ in }
    ) async throws -> Outcome {
        let sockets = try SocketFolder()
        defer { sockets.remove() }
        let endpoint = "ipc://\(sockets.path)/control"
        try await onEndpoint(endpoint)
        var settings = CoordinatorService.Settings(listen: [endpoint])
        settings.isStar = setup.configuration.cluster.collective == .star
        settings.statusOfError = { UInt32(ExitStatus.status(of: $0) ?? ExitStatus.internalError) }
        settings.log = { [log] in log.debug("\($0)") }
        let service = CoordinatorService(settings: settings, options: options, driver: driver)
        let workerStatus = Mutex<Int32?>(nil)
        let children = LocalWorkers(
            executable: try ChildProcess.shoal(), count: workerCount,
            arguments: { [setup, threadCount, verbose] _ in
                [
                    "worker", "--connect", endpoint, "--base", setup.base.base.path, "--threads",
                    "\(threadCount)", "--exit-with-parent", "\(getpid())", verbose ? "--verbose" : "--quiet",
                ]
            }, environment: [:], log: log
        ) { status in
            workerStatus.withLock { $0 = status }
            service.interrupt(reason: "no worker is left")
        }
        let signals = Signals.handle([SIGTERM, SIGINT]) { service.interrupt(reason: $0) }
        defer { signals.cancel() }
        defer { children.stop() }
        let ending = try await Blocking.run {
            try service.run { [log] _ in
                log.debug("to look at it: shoal status --connect \(endpoint)")
                do { try children.start() } catch { service.interrupt(reason: "\(error)") }
            }
        }
        return Outcome(ending: ending, lastWorkerStatus: workerStatus.withLock { $0 })
    }
}
