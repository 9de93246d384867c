import Foundation
import Testing

/// The verbs around training, on the tiny base.
@Suite(.serialized) struct CommandTests {
    /// What `shoal eval --json` prints, as far as the tests look.
    private struct Evaluation: Decodable {
        let loss: Double
        let perplexity: Double
    }

    private struct RowCount: Decodable {
        let rows: Int
    }

    @Test("training lowers the loss that eval reports, and the adapter changes what is generated")
    func trainingHelps() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 60, checkpointEvery: 50).write(to: scratch)
        let before = try evaluate([], in: scratch)
        #expect(abs(before.perplexity - exp(before.loss)) < 1e-3 * before.perplexity)
        let trained = try Shoal.run(
            ["train", config, "--workers", "2", "--output", scratch.path("run")], in: scratch, name: "train")
        try #require(trained.status == 0, "\(trained)")
        let after = try evaluate(["--adapter", scratch.path("run/adapter")], in: scratch)
        #expect(after.loss < 0.8 * before.loss, "\(before.loss) before, \(after.loss) after")
    }

    @Test("generating greedily or with a seed gives the same text twice")
    func generationRepeats() throws {
        let scratch = try Scratch()
        for options in [["--temperature", "0"], ["--temperature", "1", "--top-p", "0.9", "--seed", "5"]] {
            let arguments = [
                "generate", "--base", TinyRun.base.path, "--prompt", "What is", "--max-tokens", "12",
            ]
            let first = try Shoal.run(arguments + options, in: scratch)
            let second = try Shoal.run(arguments + options, in: scratch)
            #expect(first.status == 0, "\(first)")
            #expect(!first.output.isEmpty)
            #expect(first.output == second.output)
        }
    }

    @Test("tokenizing and decoding gives the text back")
    func tokenizingRoundTrips() throws {
        let scratch = try Scratch()
        let text = "What is two plus three?\nÜber 3.5 °C, naïve 漢字 🙂 \t x\n"
        let ids = try Shoal.run(["tokenize", "--base", TinyRun.base.path], in: scratch, input: text)
        #expect(ids.status == 0, "\(ids)")
        #expect(ids.output.split(separator: "\n").first == "268 260 295 269 303 33")
        let back = try Shoal.run(
            ["tokenize", "--base", TinyRun.base.path, "--decode"], in: scratch, input: ids.output)
        #expect(back.status == 0, "\(back)")
        #expect(back.output == text)
    }

    @Test("preflight passes a good configuration and writes no run")
    func preflight() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let outcome = try Shoal.run(["preflight", config], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        // Two blocks of r · (in + out) parameters, six products with them, and their bytes.
        let row = outcome.output.split(separator: "\n").first { $0.contains("q_proj") } ?? ""
        #expect(
            row.split(separator: " ").map(String.init)
                == ["q_proj", "2", "32", "×", "32", "4", "512", "3,072", "2.0", "kB"], "\(outcome)")
        #expect(!scratch.has("runs"))
    }

    @Test("--base takes a path of any characters")
    func oddPaths() throws {
        let scratch = try Scratch()
        let base = try TinyRun.copyOfBase(in: scratch, name: "bäse: a #1 {x}")
        let config = try TinyRun(base: "nothing").write(to: scratch)
        let outcome = try Shoal.run(["preflight", config, "--base", base.path], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test("eval without --data measures what the configuration keeps back")
    func evaluatesHeldBackRows() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let text = try String(contentsOfFile: config, encoding: .utf8)
        let split = try scratch.write(
            text.replacingOccurrences(of: "data:\n", with: "data:\n  valid_fraction: 0.25\n"),
            to: "split.yaml")
        let outcome = try Shoal.run(["eval", split, "--json"], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        let rows = try JSONDecoder().decode(RowCount.self, from: Data(outcome.output.utf8)).rows
        #expect((1..<60).contains(rows), "\(outcome)")
        let without = try Shoal.run(["eval", config], in: scratch)
        #expect(without.status == 65 && without.errors.contains("--data"), "\(without)")
    }

    @Test("a worker that is not told how to prove itself says what it needs")
    func workerWithoutToken() throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(
            ["worker", "--connect", "tcp://127.0.0.1:1", "--base", TinyRun.base.path], in: scratch)
        #expect(outcome.status == 64 && outcome.errors.contains("--token"), "\(outcome)")
        #expect(!outcome.errors.contains("<subcommand>"), "\(outcome)")
    }

    @Test("inspect tells what a base, an adapter, a checkpoint and a run hold")
    func inspect() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 4).write(to: scratch)
        let trained = try Shoal.run(
            ["train", config, "--workers", "1", "--output", scratch.path("run")], in: scratch, name: "train")
        try #require(trained.status == 0, "\(trained)")
        let paths = [
            TinyRun.base.path, scratch.path("run/adapter"), scratch.path("run/checkpoints/step-000004"),
            scratch.path("run"),
        ]
        for path in paths {
            let outcome = try Shoal.run(["inspect", path], in: scratch)
            #expect(outcome.status == 0, "\(path): \(outcome)")
            #expect(!outcome.output.isEmpty)
        }
        let nothing = try Shoal.run(["inspect", scratch.path("nothing")], in: scratch)
        #expect(nothing.status != 0)
        #expect(nothing.errors.contains("nothing"))
    }

    @Test("init writes a configuration that preflight passes")
    func initWritesAConfiguration() throws {
        let scratch = try Scratch()
        let rows = try scratch.write(TinyRun.rows().joined(separator: "\n") + "\n", to: "rows.jsonl")
        let written = try Shoal.run(["init", "--base", TinyRun.base.path, "--data", rows], in: scratch)
        #expect(written.status == 0, "\(written)")
        let config = try scratch.write(written.output, to: "written.yaml")
        let outcome = try Shoal.run(["preflight", config], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
    }

    private func evaluate(_ options: [String], in scratch: Scratch) throws -> Evaluation {
        let outcome = try Shoal.run(
            ["eval", "--base", TinyRun.base.path, "--data", scratch.path("train.jsonl"), "--json"] + options,
            in: scratch, name: "eval")
        try #require(outcome.status == 0, "\(outcome)")
        return try JSONDecoder().decode(Evaluation.self, from: Data(outcome.output.utf8))
    }
}
