import Foundation
import Testing

/// Losses and gradients that leave the numbers, from a rate far too high.
@Suite(.serialized) struct NonFiniteTests {
    private func train(
        workers: Int, policy: String, in scratch: Scratch
    ) throws -> (outcome: ProcessOutcome, run: RunFolder, path: String) {
        let config = try TinyRun(maxSteps: 12, checkpointEvery: 4).write(to: scratch)
        let name = "\(policy)-\(workers)"
        let outcome = try Shoal.run(
            [
                "train", config, "--workers", "\(workers)", "--threads", "1", "--output", scratch.path(name),
                "--set", "training.on_non_finite=\(policy)", "--set", "training.learning_rate=1e38",
            ], in: scratch, name: name)
        return (outcome, RunFolder(name, in: scratch), scratch.path(name))
    }

    @Test("by default the run stops, names step, micro-batch and examples, and the state before is kept")
    func stops() throws {
        let scratch = try Scratch()
        let (outcome, run, path) = try train(workers: 2, policy: "stop", in: scratch)
        #expect(outcome.status == 65, "\(outcome)")
        let named = try #require(
            outcome.errors.firstMatch(of: #/step (\d+): micro-batch \d+ \(examples \d+(, \d+)*\)/#),
            "\(outcome)")
        let step = try #require(Int(named.1))
        #expect(try run.ledger().map(\.step) == Array(1..<step))
        #expect(run.checkpoints().last == String(format: "step-%06d", step - 1), "\(run.checkpoints())")
        #expect(!run.hasAdapter)
        let audit = try Shoal.run(["audit", path], in: scratch, name: "audit")
        #expect(audit.status == 0, "\(audit)")
    }

    @Test("skip_step goes on from the state before such a step, the same on any number of workers")
    func skips() throws {
        let scratch = try Scratch()
        let runs = try [1, 3].map { workers in
            let (outcome, run, path) = try train(workers: workers, policy: "skip_step", in: scratch)
            try #require(outcome.status == 0, "\(outcome)")
            let audit = try Shoal.run(["audit", path], in: scratch, name: "audit-\(workers)")
            #expect(audit.status == 0, "\(audit)")
            return run
        }
        let lines = try runs.map { run in
            try String(contentsOf: run.folder.appendingPathComponent("ledger.jsonl"), encoding: .utf8)
                .split(separator: "\n")
        }
        for lines in lines {
            #expect(lines.count == 12 && lines.contains { $0.contains(#""skipped":true"#) })
        }
        #expect(try runs[0].adapter() == runs[1].adapter())
        let proof = try Shoal.run(
            ["prove", scratch.path("skip_step-3"), "--threads", "1", "--workers", "2"], in: scratch,
            name: "prove")
        #expect(proof.status == 0, "\(proof)")
    }
}
