import Foundation
import Testing

/// Hosts whose OpenBLAS picks other kernels, as other processors would make it do.
@Suite(.serialized) struct MixedHostsTests {
    /// Starts a coordinator and two workers with different kernels.
    private func start(
        numerics: String, in scratch: Scratch
    ) throws -> (coordinator: RunningProcess, workers: [RunningProcess]) {
        let config = try TinyRun().write(to: scratch)
        let address = "ipc://\(scratch.path("control"))"
        let coordinator = try Shoal.start(
            [
                "coordinator", config, "--listen", address, "--min-workers", "2", "--output",
                scratch.path("run"), "--set", "cluster.numerics=\(numerics)",
            ], in: scratch, name: "coordinator")
        let isListening = Shoal.eventually(within: 20) {
            !coordinator.isRunning || scratch.has("control")
        }
        try #require(isListening && coordinator.isRunning, "\(coordinator.errors)")
        let workers = try ["Haswell", "Nehalem"].map { core in
            try Shoal.start(
                ["worker", "--connect", address, "--base", TinyRun.base.path, "--threads", "1"], in: scratch,
                name: core, environment: ["OPENBLAS_CORETYPE": core])
        }
        return (coordinator, workers)
    }

    @Test("exact refuses the odd one out, and names what differs")
    func exactRefuses() throws {
        let scratch = try Scratch()
        let (coordinator, workers) = try start(numerics: "exact", in: scratch)
        let refused = Shoal.eventually(within: 30) { workers.contains { !$0.isRunning } }
        #expect(refused)
        for worker in workers where !worker.isRunning {
            let end = try worker.wait(limit: 5)
            #expect(end.status == 65, "\(end)")
            #expect(end.errors.contains("Haswell") && end.errors.contains("Nehalem"), "\(end)")
        }
        #expect(workers.filter(\.isRunning).count == 1)
        coordinator.send(SIGTERM)
        _ = try coordinator.wait(limit: 30)
        for worker in workers where worker.isRunning { _ = try worker.wait(limit: 20) }
    }

    @Test("relaxed trains with both, says which promise does not hold, and keeps the states equal")
    func relaxedTrains() throws {
        let scratch = try Scratch()
        let (coordinator, workers) = try start(numerics: "relaxed", in: scratch)
        // A state that differed between the two would end the run with an error.
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        for worker in workers {
            let end = try worker.wait(limit: 20)
            #expect(end.status == 0, "\(end)")
        }
        let run = RunFolder("run", in: scratch)
        let metrics = try run.metrics()
        #expect(metrics.map(\.step) == Array(1...8))
        #expect(metrics.allSatisfy { $0.workers == 2 })
        let events = try String(contentsOfFile: scratch.path("run/events.jsonl"), encoding: .utf8)
        let warning = events.split(separator: "\n").first {
            $0.contains("Haswell") && $0.contains("Nehalem") && $0.contains("depend on who computes what")
        }
        #expect(warning != nil, "\(events)")
        let audit = try Shoal.run(["audit", scratch.path("run")], in: scratch, name: "audit")
        #expect(audit.status == 0, "\(audit)")
    }
}
