import Foundation
import Testing

/// `shoal status` beside a live run.
@Suite(.serialized) struct StatusTests {
    private struct Report: Decodable {
        struct Worker: Decodable {
            let process: Int32
            let state: String
            let remark: String
        }
        let phase: String
        let step: Int
        let totalSteps: Int
        let loss: Double
        let tokensPerSecond: Double
        let wireBytesSent: Int
        let workers: [Worker]
    }

    @Test("the status names the step, the workers, and who is silent or lost")
    func liveRun() throws {
        let cluster = try FaultCluster()
        let coordinator = try cluster.coordinator(minimumWorkers: 2)
        let first = try cluster.worker(fault: "compute:40:stop")
        let second = try cluster.worker()
        try #require(Shoal.eventually(within: 60) { first.isStopped }, "\(first.errors)")
        let silent = try report(of: cluster)
        #expect(silent.totalSteps == FaultCluster.tiny.maxSteps && silent.step > 0 && silent.loss > 0)
        #expect(silent.tokensPerSecond > 0 && silent.wireBytesSent > 0)
        #expect(Set(silent.workers.map(\.process)) == [first.identifier, second.identifier])
        var last = silent
        let isLost = try Shoal.eventually(within: 20) {
            last = try report(of: cluster)
            return last.workers.contains { $0.state == "lost" && $0.process == first.identifier }
        }
        #expect(isLost, "\(last)")
        let table = try status(of: cluster, [])
        #expect(
            table.status == 0 && table.output.contains("lost") && table.output.contains("silent for"),
            "\(table)")
        first.send(SIGCONT)
        try cluster.finish(coordinator, workers: [first, second])
    }

    @Test("a coordinator that is not there, or has other keys, is an error that says so")
    func noAnswer() throws {
        let cluster = try FaultCluster()
        let nobody = try status(of: cluster, ["--timeout", "1"])
        #expect(nobody.status == 69 && nobody.errors.contains("nobody answers"), "\(nobody)")

        let coordinator = try cluster.coordinator()
        try #require(Shoal.eventually(within: 30) { coordinator.errors.contains("shoal worker") })
        let keys = try Shoal.run(["keys", "new", cluster.scratch.path("others")], in: cluster.scratch)
        try #require(keys.status == 0)
        let stranger = try status(of: cluster, ["--timeout", "3"], keys: "others")
        #expect(stranger.status == 69 && stranger.errors.contains("keys"), "\(stranger)")
        coordinator.send(SIGTERM)
        _ = try coordinator.wait(limit: 20)
    }

    private func status(
        of cluster: FaultCluster, _ options: [String], keys: String = "keys"
    ) throws -> ProcessOutcome {
        try Shoal.run(
            ["status", "--connect", cluster.address, "--keys", cluster.scratch.path(keys)] + options,
            in: cluster.scratch, name: "status", limit: 30)
    }

    private func report(of cluster: FaultCluster) throws -> Report {
        let outcome = try status(of: cluster, ["--json"])
        try #require(outcome.status == 0, "\(outcome)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(outcome.output.utf8))
    }
}
