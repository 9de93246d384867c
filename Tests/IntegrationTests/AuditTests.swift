import Foundation
import Testing

/// `shoal audit` on a good run, and on runs in which one thing was changed.
@Suite(.serialized) struct AuditTests {
    @Test(
        "a run as it was trained passes, with a table of who did what, and as JSON",
        arguments: ["lora", "full", "partial"])
    func passes(method: String) throws {
        let run = try TrainedRun(method: method)
        let outcome = try audit(run)
        #expect(outcome.status == 0, "\(outcome)")
        for text in ["worker 1", "worker 2", "whole epochs", "1–30", ProcessInfo.processInfo.hostName] {
            #expect(outcome.output.contains(text), "no '\(text)' in \(outcome)")
        }
        let json = try audit(run, ["--json"])
        let report = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(report?["steps"] as? Int == 30 && report?["whole_epochs"] as? Int == 5, "\(json)")
        #expect((report?["problems"] as? [String])?.isEmpty == true)
    }

    @Test("a line of the ledger that was changed breaks the chain, and is named")
    func chain() throws {
        let run = try TrainedRun()
        var lines = try run.lines(of: "ledger.jsonl")
        lines[9] = lines[9].replacingOccurrences(of: "\"examples\":[", with: "\"examples\":[1")
        try run.write(lines: lines, to: "ledger.jsonl")
        try expect("ledger.jsonl: line 11", of: run)
    }

    @Test("a line that is gone, or stands twice, is named")
    func missingLine() throws {
        let run = try TrainedRun()
        let lines = try run.lines(of: "ledger.jsonl")
        try run.write(lines: Array(lines[..<12] + lines[13...]), to: "ledger.jsonl")
        try expect("line 13 is of step 14", of: run)
        try run.write(lines: Array(lines[..<13] + lines[12...]), to: "ledger.jsonl")
        try expect("line 14 is of step 13", of: run)
    }

    @Test(
        "an example forged into a ledger whose chain was made whole again is named with the one that was dealt"
    )
    func forgedExample() throws {
        let run = try TrainedRun()
        let line = try run.lines(of: "ledger.jsonl")[7]
        let start = try #require(line.range(of: "\"examples\":[")).upperBound
        let first = try #require(line[start...].split(separator: ",").first)
        let other = first == "5" ? "6" : "5"
        try run.forgeLedger(line: 7, "\"examples\":[\(first),", to: "\"examples\":[\(other),")
        try expect("step 8: its example at place 1 is \(other), the sampler deals \(first) there", of: run)
    }

    @Test("a line of the ledger that was not finished is a note, not a problem")
    func tornLine() throws {
        let run = try TrainedRun()
        let text = try String(contentsOfFile: run.path + "/ledger.jsonl", encoding: .utf8)
        try (text + "{\"step\":31,\"ter").write(
            toFile: run.path + "/ledger.jsonl", atomically: true, encoding: .utf8)
        let outcome = try audit(run)
        #expect(
            outcome.status == 0 && outcome.output.contains("note: ledger.jsonl ends in half a line"),
            "\(outcome)")
    }

    @Test("metrics with another digest, a step twice, or a step missing, are named")
    func metrics() throws {
        let run = try TrainedRun()
        let lines = try run.lines(of: "metrics.jsonl")
        var changed = lines
        changed[4] = changed[4].replacingOccurrences(
            of: "\"gradient_digest\":\"", with: "\"gradient_digest\":\"0")
        try run.write(lines: changed, to: "metrics.jsonl")
        try expect("step 5: metrics.jsonl has another gradient digest", of: run)
        try run.write(lines: lines + [lines[6]], to: "metrics.jsonl")
        try expect("has step 7 a second time", of: run)
        try run.write(lines: Array(lines[..<6] + lines[7...]), to: "metrics.jsonl")
        try expect("has no line of step 7", of: run)
    }

    @Test(
        "a file of a checkpoint, the adapter, or a key of the configuration that was changed is named",
        arguments: [
            ("lora", "checkpoints/step-000020/optimizer.safetensors", "step-000020: optimizer.safetensors"),
            (
                "lora", "checkpoints/step-000010/adapter_model.safetensors",
                "step-000010: adapter_model.safetensors"
            ),
            (
                "lora", "adapter/adapter_model.safetensors",
                "adapter/adapter_model.safetensors: has other bytes"
            ),
            ("full", "checkpoints/step-000010/model.safetensors", "step-000010: model.safetensors"),
            ("full", "model/model.safetensors", "model/model.safetensors: has other bytes"),
            ("partial", "model/model.safetensors", "model/model.safetensors: has another model.norm.weight"),
        ])
    func changedFile(method: String, file: String, named: String) throws {
        let run = try TrainedRun(method: method)
        try run.flipLastBit(of: file)
        try expect(named, of: run)
    }

    @Test("a key of the configuration that was changed is named, and a row of the data by its file")
    func changedInputs() throws {
        let run = try TrainedRun()
        try run.change("config.yaml", "learning_rate: 0.01", to: "learning_rate: 0.02")
        try expect("another training.learning_rate (0.01, now 0.02)", of: run)

        let other = try TrainedRun()
        let text = try String(contentsOfFile: other.rows, encoding: .utf8)
        try text.replacingOccurrences(of: "It is row 3.", with: "It is row 4.").write(
            toFile: other.rows, atomically: true, encoding: .utf8)
        try expect("another data file \(other.rows)", of: other)
    }

    private func audit(_ run: TrainedRun, _ options: [String] = []) throws -> ProcessOutcome {
        try Shoal.run(["audit", run.path] + options, in: run.scratch, name: "audit")
    }

    private func expect(_ text: String, of run: TrainedRun) throws {
        let outcome = try audit(run)
        #expect(outcome.status == 65, "\(outcome)")
        #expect((outcome.output + outcome.errors).contains(text), "no '\(text)' in \(outcome)")
    }
}
