import Foundation
import Testing

/// Promise 1 once more: interrupted and resumed, on another number of workers, to the same bytes.
@Suite(.serialized) struct InterruptionTests {
    /// Long enough to be interrupted in the middle.
    private static let run = TinyRun(maxSteps: 400, checkpointEvery: 20)

    @Test(
        "SIGTERM leaves a checkpoint and status 75, and resuming gives the uninterrupted bytes",
        arguments: [
            ("lora", TinyRun.base), ("full", TinyRun.base), ("partial", TinyRun.base), ("lora", TinyRun.gpt2),
            ("lora", TinyRun.bert),
        ])
    func resumesAfterTermination(method: String, base: URL) throws {
        let scratch = try Scratch()
        let (config, expected) = try uninterrupted(method: method, base: base, in: scratch)

        // What the frozen block made of a text is kept from epoch to epoch, and lost in between; the whole run has no cache.
        let settings = method == "partial" ? ["--set", "training.activation_cache_mb=1"] : []
        let training = try start(config, workers: 2, settings: settings, in: scratch)
        try waitForSteps(50, of: training, in: scratch)
        training.send(SIGTERM)
        let outcome = try training.wait(limit: 30)
        #expect(outcome.status == 75, "\(outcome)")
        let run = RunFolder("run", in: scratch)
        #expect(!run.checkpoints().isEmpty)
        #expect(!run.hasAdapter)
        #expect(Shoal.eventually(within: 10) { scratch.processes().isEmpty }, "workers were left behind")

        try resumeAndCompare(workers: 3, in: scratch, with: expected)
    }

    @Test("SIGKILL of the coordinator leaves no worker, and resuming gives the uninterrupted bytes")
    func resumesAfterKill() throws {
        let scratch = try Scratch()
        let (config, expected) = try uninterrupted(in: scratch)

        let training = try start(config, workers: 3, in: scratch)
        try waitForSteps(70, of: training, in: scratch)
        training.send(SIGKILL)
        _ = try training.wait(limit: 30)
        #expect(!RunFolder("run", in: scratch).hasAdapter)
        // Children look for their parent; five seconds are promised.
        #expect(Shoal.eventually(within: 7) { scratch.processes().isEmpty }, "workers were left behind")

        try resumeAndCompare(workers: 1, in: scratch, with: expected)
    }

    @Test("a run killed three times still ends with the uninterrupted bytes")
    func resumesAgainAndAgain() throws {
        let scratch = try Scratch()
        let (config, expected) = try uninterrupted(in: scratch)
        var training = try start(config, workers: 1, in: scratch)
        for (target, workers) in [(30, 2), (110, 3), (230, 1)] {
            try waitForSteps(target, of: training, in: scratch)
            training.send(SIGKILL)
            _ = try training.wait(limit: 30)
            #expect(Shoal.eventually(within: 7) { scratch.processes().isEmpty }, "workers were left behind")
            training = try Shoal.start(
                ["train", "--resume", scratch.path("run"), "--workers", "\(workers)"], in: scratch,
                name: "resume-\(target)")
        }
        let outcome = try training.wait()
        #expect(outcome.status == 0, "\(outcome)")
        try compare(with: expected, in: scratch)
    }

    @Test("a checkpoint whose file was changed is passed over for the one before")
    func passesOverADamagedCheckpoint() throws {
        let scratch = try Scratch()
        let (config, expected) = try uninterrupted(in: scratch)
        let training = try start(config, workers: 2, in: scratch)
        try waitForSteps(90, of: training, in: scratch)
        training.send(SIGTERM)
        _ = try training.wait(limit: 30)

        let newest = try #require(RunFolder("run", in: scratch).checkpoints().last)
        let file = scratch.path("run/checkpoints/\(newest)/optimizer.safetensors")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))

        let outcome = try Shoal.run(
            ["train", "--resume", scratch.path("run"), "--workers", "2"], in: scratch, name: "resume")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.errors.contains(newest), "the checkpoint passed over is named: \(outcome.errors)")
        try compare(with: expected, in: scratch)
    }

    private func uninterrupted(
        method: String = "lora", base: URL = TinyRun.base, in scratch: Scratch
    ) throws -> (config: String, run: RunFolder) {
        var tiny = Self.run
        tiny.method = method
        tiny.base = base.path
        let config = try tiny.write(to: scratch)
        let outcome = try Shoal.run(
            ["train", config, "--workers", "2", "--threads", "1", "--output", scratch.path("whole")],
            in: scratch,
            name: "whole")
        try #require(outcome.status == 0, "\(outcome)")
        return (config, RunFolder("whole", in: scratch))
    }

    private func start(
        _ config: String, workers: Int, settings: [String] = [], in scratch: Scratch
    ) throws -> RunningProcess {
        try Shoal.start(
            ["train", config, "--workers", "\(workers)", "--threads", "1", "--output", scratch.path("run")]
                + settings, in: scratch, name: "interrupted")
    }

    private func waitForSteps(_ count: Int, of training: RunningProcess, in scratch: Scratch) throws {
        let run = RunFolder("run", in: scratch)
        let reached = try Shoal.eventually(within: 60) {
            try run.metrics().count >= count || !training.isRunning
        }
        try #require(
            reached && training.isRunning, "the run ended or stalled before step \(count): \(training.errors)"
        )
    }

    private func resumeAndCompare(workers: Int, in scratch: Scratch, with expected: RunFolder) throws {
        let outcome = try Shoal.run(
            ["train", "--resume", scratch.path("run"), "--workers", "\(workers)"], in: scratch, name: "resume"
        )
        #expect(outcome.status == 0, "\(outcome)")
        try compare(with: expected, in: scratch)
    }

    private func compare(with expected: RunFolder, in scratch: Scratch) throws {
        let run = RunFolder("run", in: scratch)
        let metrics = try run.metrics()
        #expect(metrics.map(\.step) == Array(1...Self.run.maxSteps), "each step once, in order")
        #expect(try metrics.map(\.gradientDigest) == expected.metrics().map(\.gradientDigest))
        #expect(try metrics.map(\.loss) == expected.metrics().map(\.loss))
        #expect(try run.adapter() == expected.adapter())
    }
}
