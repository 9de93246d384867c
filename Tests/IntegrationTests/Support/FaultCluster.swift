import Foundation
import Testing

/// A coordinator and workers on TCP, each a process of its own that a test may start, kill and stop, on a run whose
/// undisturbed bytes are known.
final class FaultCluster {
    /// Long enough for a worker to be lost, to come back and to take part again.
    static let tiny = TinyRun(maxSteps: 500, checkpointEvery: 20)
    /// Seconds of silence after which a worker counts as lost.
    static let lostAfter = 1.5

    /// The results of the runs without faults, by method.
    private static let lora = undisturbed("lora")
    private static let full = undisturbed("full")
    private static let gpt2 = undisturbed("lora", base: TinyRun.gpt2)
    private static let bert = undisturbed("lora", base: TinyRun.bert)

    private static func undisturbed(
        _ method: String, base: URL = TinyRun.base
    ) -> Result<Data, any Error> {
        Result {
            let scratch = try Scratch()
            var tiny = tiny
            tiny.method = method
            tiny.base = base.path
            let config = try tiny.write(to: scratch)
            let outcome = try Shoal.run(
                ["train", config, "--workers", "1", "--threads", "1", "--output", scratch.path("run")],
                in: scratch,
                name: "undisturbed")
            guard outcome.status == 0 else { throw Shoal.HarnessError(description: "\(outcome)") }
            return try RunFolder("run", in: scratch).adapter()
        }
    }

    let scratch: Scratch
    let config: String
    /// RUN
    let path: String
    private let base: URL
    private let expected: Result<Data, any Error>
    private var count = 0

    /// - Parameters:
    ///   - path: RUN; nil takes a folder of the scratch.
    ///   - trainsBase: `method: full` in place of `lora`.
    ///   - base: the tiny GPT-2 or BERT in place of the Llama, with `lora`.
    init(path: String? = nil, trainsBase: Bool = false, base: URL = TinyRun.base) throws {
        scratch = try Scratch()
        self.base = base
        var tiny = Self.tiny
        tiny.method = trainsBase ? "full" : "lora"
        tiny.base = base.path
        config = try tiny.write(to: scratch)
        expected =
            trainsBase
            ? Self.full : base == TinyRun.gpt2 ? Self.gpt2 : base == TinyRun.bert ? Self.bert : Self.lora
        self.path = path ?? scratch.path("run")
        let keys = try Shoal.run(["keys", "new", scratch.path("keys")], in: scratch, name: "keys")
        try #require(keys.status == 0, "\(keys)")
        address = "tcp://127.0.0.1:\(try FreePort.find())"
    }

    /// Where coordinators listen and workers connect.
    var address: String
    var run: RunFolder { RunFolder(at: URL(fileURLWithPath: path), in: scratch) }

    /// Starts a coordinator: a new one, or one that goes on with the run.
    func coordinator(
        resumes: Bool = false, minimumWorkers: Int = 1, fault: String? = nil
    ) throws -> RunningProcess {
        let which = resumes ? ["--resume", path] : [config, "--output", path]
        return try start(
            ["coordinator"] + which + [
                "--listen", address, "--min-workers", "\(minimumWorkers)", "--keys", scratch.path("keys"),
                "--set", "cluster.lost_after_seconds=\(Self.lostAfter)", "--set",
                "cluster.heartbeat_seconds=0.2",
            ], name: "coordinator", fault: fault)
    }

    func worker(fault: String? = nil) throws -> RunningProcess {
        try start(
            [
                "worker", "--connect", address, "--base", base.path, "--threads", "1", "--keys",
                scratch.path("keys"),
            ], name: "worker", fault: fault)
    }

    private func start(_ arguments: [String], name: String, fault: String?) throws -> RunningProcess {
        count += 1
        return try Shoal.start(
            arguments, in: scratch, name: "\(name)-\(count)",
            environment: fault.map { ["SHOAL_FAULT": $0] } ?? [:])
    }

    /// Waits until `condition` holds of the run's metrics.
    func wait(
        _ coordinator: RunningProcess, for what: String, within limit: TimeInterval = 60,
        until condition: ([RunFolder.Metrics]) -> Bool
    ) throws {
        let holds = try Shoal.eventually(within: limit) {
            try condition(run.metrics()) || !coordinator.isRunning
        }
        try #require(
            holds && coordinator.isRunning, "\(what) did not come within \(limit) s: \(coordinator.errors)")
    }

    /// Waits for the end of the run and compares it with the undisturbed one.
    ///
    /// - Parameter workers: those that have to end well, too.
    func finish(_ coordinator: RunningProcess, workers: [RunningProcess]) throws {
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        for worker in workers {
            let end = try worker.wait(limit: 20)
            #expect(end.status == 0, "\(end)")
        }
        let steps = Array(1...Self.tiny.maxSteps)
        #expect(try run.metrics().map(\.step) == steps, "each step once, in order")
        #expect(try run.ledger().map(\.step) == steps, "no step twice in the ledger")
        #expect(try run.adapter() == expected.get())
        let audit = try Shoal.run(["audit", path], in: scratch, name: "audit")
        #expect(audit.status == 0, "\(audit)")
    }
}
