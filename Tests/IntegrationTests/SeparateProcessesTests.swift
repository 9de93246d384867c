import Foundation
import Testing

/// `shoal coordinator` and `shoal worker` in separate shells, on TCP.
@Suite(.serialized) struct SeparateProcessesTests {
    typealias Cluster = SameBitsTests.Cluster

    @Test(
        "a coordinator and workers started by hand give the bytes of shoal train",
        arguments: [
            Cluster(workers: 2, threads: 1, collective: "mesh"),
            Cluster(workers: 3, threads: 1, collective: "mesh"),
            Cluster(workers: 3, threads: 1, collective: "star"),
        ])
    func separateProcessesGiveTheSameBytes(cluster: Cluster) throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let trained = try Shoal.run(
            ["train", config, "--workers", "1", "--threads", "1", "--output", scratch.path("expected")],
            in: scratch, name: "train")
        try #require(trained.status == 0, "\(trained)")

        let address = "tcp://127.0.0.1:\(try FreePort.find())"
        let coordinator = try Shoal.start(
            [
                "coordinator", config, "--listen", address, "--min-workers", "\(cluster.workers)", "--output",
                scratch.path("run"), "--set", "cluster.collective=\(cluster.collective)",
            ], in: scratch, name: "coordinator")
        let invited = Shoal.eventually(within: 20) {
            !coordinator.isRunning || CoordinatorProcess.workerCommand(in: coordinator) != nil
        }
        try #require(invited && coordinator.isRunning, "no worker command was printed: \(coordinator.errors)")
        let command = try #require(CoordinatorProcess.workerCommand(in: coordinator))

        // The printed command as it stands.
        let workers = try (1...cluster.workers).map { index in
            try Shoal.start(command + ["--threads", "1"], in: scratch, name: "worker-\(index)")
        }
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        for worker in workers {
            let end = try worker.wait(limit: 20)
            #expect(end.status == 0, "\(end)")
        }
        let run = RunFolder("run", in: scratch)
        #expect(try run.adapter() == RunFolder("expected", in: scratch).adapter())
        #expect(try run.metrics().allSatisfy { $0.workers == cluster.workers })
    }

    @Test("a worker that joins late and one that is killed leave the bytes as they are")
    func workersMayComeAndGo() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 600, checkpointEvery: 100).write(to: scratch)
        let trained = try Shoal.run(
            ["train", config, "--workers", "1", "--threads", "1", "--output", scratch.path("expected")],
            in: scratch, name: "train")
        try #require(trained.status == 0, "\(trained)")

        let coordinator = try Shoal.start(
            [
                "coordinator", config, "--listen", "tcp://127.0.0.1:\(try FreePort.find())",
                "--min-workers", "1",
                "--output", scratch.path("run"), "--set", "cluster.lost_after_seconds=2",
            ], in: scratch, name: "coordinator")
        _ = Shoal.eventually(within: 20) {
            !coordinator.isRunning || CoordinatorProcess.workerCommand(in: coordinator) != nil
        }
        let command = try #require(CoordinatorProcess.workerCommand(in: coordinator), "\(coordinator.errors)")
        let run = RunFolder("run", in: scratch)
        func reaches(_ count: Int) throws -> Bool {
            try Shoal.eventually(within: 60) { try run.metrics().count >= count || !coordinator.isRunning }
        }

        let first = try Shoal.start(command + ["--threads", "1"], in: scratch, name: "first")
        try #require(try reaches(30), "\(coordinator.errors)")
        let second = try Shoal.start(command + ["--threads", "1"], in: scratch, name: "second")
        let hasJoined = try Shoal.eventually(within: 30) {
            try run.metrics().contains { $0.workers == 2 } || !coordinator.isRunning
        }
        try #require(hasJoined, "\(coordinator.errors)")
        first.send(SIGKILL)
        _ = try first.wait(limit: 10)
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        let end = try second.wait(limit: 20)
        #expect(end.status == 0, "\(end)")

        let metrics = try run.metrics()
        #expect(metrics.map(\.step) == Array(1...600))
        #expect(metrics.contains { $0.workers == 2 } && metrics.first?.workers == 1)
        #expect(metrics.last?.workers == 1)
        #expect(try run.adapter() == RunFolder("expected", in: scratch).adapter())
    }

    @Test("a worker with another base is refused, and both sides name the base")
    func refusesAnotherBase() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let other = try TinyRun.copyOfBase(in: scratch, name: "other-base")
        let weights = other.appendingPathComponent("model.safetensors")
        var bytes = try Data(contentsOf: weights)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: weights)

        let coordinator = try Shoal.start(
            [
                "coordinator", config, "--listen", "tcp://127.0.0.1:\(try FreePort.find())",
                "--min-workers", "2",
                "--output", scratch.path("run"),
            ], in: scratch, name: "coordinator")
        _ = Shoal.eventually(within: 20) {
            !coordinator.isRunning || CoordinatorProcess.workerCommand(in: coordinator) != nil
        }
        let command = try #require(
            CoordinatorProcess.workerCommand(in: coordinator, base: other.path), "\(coordinator.errors)")
        let worker = try Shoal.run(command + ["--threads", "1"], in: scratch, name: "worker", limit: 60)
        #expect(worker.status == 65, "\(worker)")
        #expect(worker.errors.contains("base"), "\(worker)")

        coordinator.send(SIGTERM)
        let outcome = try coordinator.wait(limit: 30)
        #expect(outcome.status != 0, "\(outcome)")
        #expect(outcome.errors.contains("base"), "\(outcome)")
        #expect(!RunFolder("run", in: scratch).hasAdapter)
    }

    @Test("a port in use is named")
    func portInUse() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let address = "tcp://127.0.0.1:\(try FreePort.find())"
        let first = try Shoal.start(
            [
                "coordinator", config, "--listen", address, "--min-workers", "1", "--output",
                scratch.path("first"),
            ],
            in: scratch, name: "first")
        _ = Shoal.eventually(within: 20) {
            !first.isRunning || CoordinatorProcess.workerCommand(in: first) != nil
        }
        try #require(first.isRunning, "\(first.errors)")
        let second = try Shoal.run(
            [
                "coordinator", config, "--listen", address, "--min-workers", "1", "--output",
                scratch.path("second"),
            ],
            in: scratch, name: "second", limit: 30)
        #expect([64, 65, 74].contains(second.status), "\(second)")
        #expect(second.errors.contains(address), "\(second)")
        #expect(!RunFolder("second", in: scratch).hasAdapter)
        first.send(SIGTERM)
        _ = try first.wait(limit: 30)
    }
}
