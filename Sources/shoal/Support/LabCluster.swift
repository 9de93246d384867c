import Cluster
import Foundation
import Glibc
import Lab
import Logging

/// A coordinator and workers on the hosts of a lab, over TCP with CURVE: what a cluster of machines runs.
struct LabCluster: Sendable {
    /// Port of the coordinator on its own host, where nothing else listens.
    private static let port = 7700

    var network: LabNetwork
    /// Workers, on the hosts after the coordinator's.
    var workerCount: Int
    /// Compute threads of each.
    var threadCount: Int
    /// The base that workers are given.
    var base: String
    /// Gets what coordinator and workers say; nil: stderr.
    var words: FileHandle?
    var log: Logger

    /// Runs `shoal coordinator` with `arguments` and the workers to the coordinator's end. No process is left behind.
    ///
    /// - Parameter onStart: is given the coordinator, for a signal to end it.
    /// - Returns: the coordinator's exit status; that of the last worker where all workers ended for good.
    func run(_ arguments: [String], onStart: (ChildProcess) -> Void) async throws -> Int32 {
        let folder = try SocketFolder()
        defer { folder.remove() }
        let keys = folder.path + "/keys"
        _ = try ClusterKeys.make(in: keys)
        let executable = try ChildProcess.shoal().path
        let address = "tcp://\(network.hosts[0].address):\(Self.port)"
        let parent = ["--exit-with-parent", "\(getpid())"]
        let coordinator = ChildProcess(
            try network.hosts[0].command(
                [executable, "coordinator"] + arguments + [
                    "--listen", address, "--min-workers", "\(workerCount)", "--keys", keys,
                ] + parent),
            errors: words)
        let wordsOfWorkers = try network.hosts[1...workerCount].map {
            try $0.command(
                [
                    executable, "worker", "--connect", address, "--keys", keys, "--base", base, "--threads",
                    "\(threadCount)", "--quiet",
                ] + parent)
        }
        let workerStatus = LastStatus()
        let workers = LocalWorkers(
            executable: URL(filePath: wordsOfWorkers[0][0]), count: workerCount,
            arguments: { Array(wordsOfWorkers[$0].dropFirst()) }, environment: [:], errors: words, log: log
        ) { status in
            workerStatus.set(status)
            coordinator.terminate()
        }
        defer { workers.stop() }
        onStart(coordinator)
        try workers.start()
        let ending = try await coordinator.run()
        guard ending.status == ExitStatus.interrupted, let status = workerStatus.get(), status != 0 else {
            return ending.status
        }
        return status
    }
}
