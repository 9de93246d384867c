import Foundation
import Testing

/// Workers without a base, as separate processes on TCP with caches of their own.
@Suite(.serialized) struct FetchedBaseTests {
    private static func start(_ scratch: Scratch, minimumWorkers: Int) throws -> (RunningProcess, [String]) {
        let config = try TinyRun().write(to: scratch)
        let coordinator = try Shoal.start(
            [
                "coordinator", config, "--listen", "tcp://127.0.0.1:\(try FreePort.find())", "--min-workers",
                "\(minimumWorkers)", "--output", scratch.path("run"),
            ], in: scratch, name: "coordinator")
        _ = Shoal.eventually(within: 20) {
            !coordinator.isRunning || CoordinatorProcess.workerCommand(in: coordinator) != nil
        }
        var command = try #require(CoordinatorProcess.workerCommand(in: coordinator), "\(coordinator.errors)")
        let option = try #require(command.firstIndex(of: "--base"))
        command.removeSubrange(option...option + 1)
        return (coordinator, command + ["--threads", "1"])
    }

    @Test("workers without the base fetch it, one goes on after it was killed, and the adapter has its bytes")
    func fetchesTheBase() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let trained = try Shoal.run(
            ["train", config, "--workers", "1", "--threads", "1", "--output", scratch.path("expected")],
            in: scratch, name: "train")
        try #require(trained.status == 0, "\(trained)")

        let (coordinator, command) = try Self.start(scratch, minimumWorkers: 3)
        func environment(_ index: Int) -> [String: String] { ["SHOAL_CACHE": scratch.path("cache-\(index)")] }
        let killed = try Shoal.run(
            command, in: scratch, name: "killed",
            environment: environment(1).merging(["SHOAL_FAULT": "base-chunk:3"]) { $1 },
            limit: 30)
        #expect(killed.status == 128 + SIGKILL, "\(killed)")
        let workers = try (1...3).map { index in
            try Shoal.start(command, in: scratch, name: "worker-\(index)", environment: environment(index))
        }
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        for worker in workers {
            let end = try worker.wait(limit: 20)
            #expect(end.status == 0, "\(end)")
        }
        #expect(workers[0].errors.contains("; 3 are in the cache"), "\(workers[0].errors)")
        let run = RunFolder("run", in: scratch)
        #expect(try run.adapter() == RunFolder("expected", in: scratch).adapter())
        #expect(try run.eventCount("base_fetched") == 3)
    }

    @Test("a base that was damaged in the cache is mended")
    func mends() throws {
        let scratch = try Scratch()
        let (coordinator, command) = try Self.start(scratch, minimumWorkers: 2)
        let environment = ["SHOAL_CACHE": scratch.path("worker-cache")]
        let first = try Shoal.start(command, in: scratch, name: "first", environment: environment)
        let isIn = Shoal.eventually(within: 20) {
            (try? RunFolder("run", in: scratch).eventCount("registered")) == 1 || !first.isRunning
        }
        try #require(isIn, "\(first.errors)")
        first.send(SIGTERM)
        _ = try first.wait(limit: 20)
        let fetched = try FileManager.default.contentsOfDirectory(
            atPath: scratch.path("worker-cache/fetched"))
        let folder = try #require(fetched.first { $0.count == 64 })
        let weights = URL(fileURLWithPath: scratch.path("worker-cache/fetched/\(folder)/model.safetensors"))
        var bytes = try Data(contentsOf: weights)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: weights)

        let second = try Shoal.start(command, in: scratch, name: "second", environment: environment)
        let third = try Shoal.start(
            command, in: scratch, name: "third", environment: ["SHOAL_CACHE": scratch.path("other-cache")])
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        for worker in [second, third] {
            let end = try worker.wait(limit: 20)
            #expect(end.status == 0, "\(end)")
        }
        #expect(second.errors.contains("damaged"), "\(second.errors)")
    }
}
