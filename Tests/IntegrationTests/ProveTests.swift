import Foundation
import Testing

/// `shoal prove` on a good run, and on runs in which one thing was changed.
@Suite(.serialized) struct ProveTests {
    @Test(
        "a step is computed again to the ledger's digests, on any number of workers",
        arguments: [
            (1, 1, 0, "lora"), (10, 2, 0, "lora"), (17, 3, 10, "lora"), (30, 2, 20, "lora"),
            (1, 2, 0, "full"),
            (17, 1, 10, "full"), (30, 3, 20, "partial"),
        ])
    func proves(step: Int, workers: Int, from: Int, method: String) throws {
        let run = try TrainedRun(method: method)
        let outcome = try prove(run, ["--step", "\(step)", "--workers", "\(workers)", "--json"])
        try #require(outcome.status == 0, "\(outcome)")
        let report = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        #expect(report?["step"] as? Int == step && report?["from_step"] as? Int == from, "\(outcome)")
        #expect(report?["workers"] as? Int == workers)
        let digest = try RunFolder("run", in: run.scratch).metrics()[step - 1].gradientDigest
        #expect(report?["gradient_digest"] as? String == digest)
        // A base's state is digested where it is saved, here after each ten steps.
        let isCompared = method == "lora" || step % 10 == 0
        #expect((report?["state_compared_with"] is String) == isCompared)
    }

    @Test("the newest step is proven where none is given, and nothing is written")
    func newest() throws {
        let run = try TrainedRun()
        let before = try files(of: run)
        let outcome = try prove(run, [])
        #expect(outcome.status == 0 && outcome.output.contains("step 30 is proven"), "\(outcome)")
        #expect(try files(of: run) == before)
    }

    @Test("a step that is not committed is refused")
    func notCommitted() throws {
        try expect("give --step 1 to 30", of: TrainedRun(), ["--step", "31"])
    }

    @Test("a file of the checkpoint that was changed is named")
    func checkpointFile() throws {
        let run = try TrainedRun()
        try run.flipLastBit(of: "checkpoints/step-000010/optimizer.safetensors")
        try expect("step-000010: optimizer.safetensors", of: run, ["--step", "15"])
    }

    @Test("a key of the configuration that was changed is named")
    func configuration() throws {
        let run = try TrainedRun()
        try run.change("config.yaml", "lora_dropout: 0.1", to: "lora_dropout: 0.2")
        try expect("another adapter.lora_dropout (0.1, now 0.2)", of: run, ["--step", "15"])
    }

    @Test("a row that was changed is named by its file, with the step's examples")
    func row() throws {
        let run = try TrainedRun()
        let text = try String(contentsOfFile: run.rows, encoding: .utf8)
        try text.replacingOccurrences(of: "It is row 3.", with: "It is row 4.").write(
            toFile: run.rows, atomically: true, encoding: .utf8)
        try expect("another data file \(run.rows)", of: run, ["--step", "15"])
    }

    @Test("a changed line of the ledger is named")
    func ledgerLine() throws {
        let run = try TrainedRun()
        var lines = try run.lines(of: "ledger.jsonl")
        lines[11] = lines[11].replacingOccurrences(of: "\"generation\":1", with: "\"generation\":2")
        try run.write(lines: lines, to: "ledger.jsonl")
        try expect("ledger.jsonl: line 13", of: run, ["--step", "15"])
    }

    @Test("a gradient forged into a ledger whose chain was made whole again is found by computing it")
    func forgedGradient() throws {
        let run = try TrainedRun()
        let digest = try RunFolder("run", in: run.scratch).metrics()[13].gradientDigest
        let forged = (digest.first == "0" ? "1" : "0") + digest.dropFirst()
        try run.forgeLedger(line: 13, digest, to: forged)
        try run.change("metrics.jsonl", digest, to: forged)
        // The checkpoint of step 20 was saved beside another line; that of step 10 still fits.
        try expect("step 14: the reduced gradient", of: run, ["--step", "15"])
    }

    @Test("a loss that was changed in the metrics is found by computing it")
    func forgedLoss() throws {
        let run = try TrainedRun()
        var lines = try run.lines(of: "metrics.jsonl")
        lines[14] = lines[14].replacingOccurrences(of: "\"loss\":", with: "\"loss\":1")
        try run.write(lines: lines, to: "metrics.jsonl")
        try expect("step 15: the loss is", of: run, ["--step", "15"])
    }

    @Test("a run that was made longer on the way is proven on both sides of the change")
    func longerRun() throws {
        let run = try TrainedRun()
        let resumed = try Shoal.run(
            ["train", "--resume", run.path, "--workers", "1", "--set", "training.max_steps=40"],
            in: run.scratch,
            name: "resume")
        try #require(resumed.status == 0, "\(resumed)")
        for step in ["25", "35"] {
            let outcome = try prove(run, ["--step", step])
            #expect(outcome.status == 0, "\(outcome)")
        }
        let audit = try Shoal.run(["audit", run.path], in: run.scratch, name: "audit")
        #expect(audit.status == 0, "\(audit)")
    }

    private func prove(_ run: TrainedRun, _ options: [String]) throws -> ProcessOutcome {
        try Shoal.run(["prove", run.path, "--threads", "1"] + options, in: run.scratch, name: "prove")
    }

    private func expect(_ text: String, of run: TrainedRun, _ options: [String]) throws {
        let outcome = try prove(run, options)
        #expect(outcome.status == 65, "\(outcome)")
        #expect(outcome.errors.contains(text), "no '\(text)' in \(outcome)")
        #expect(outcome.output.isEmpty, "\(outcome)")
    }

    /// Every file of the run with its bytes.
    private func files(of run: TrainedRun) throws -> [String: Data] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: run.path)
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in
                FileManager.default.contents(atPath: run.path + "/" + name).map { (name, $0) }
            })
    }
}
