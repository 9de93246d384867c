import Foundation
import Testing

/// Adapters put to use: several on one base, added, merged, exported.
@Suite(.serialized) struct AdapterUseTests {
    /// Two short runs on the tiny base with different adapters.
    private struct Adapters {
        let scratch: Scratch
        let base: String
        let one: String
        let two: String

        init(base: URL = TinyRun.base) throws {
            scratch = try Scratch()
            self.base = base.path
            let targets = base == TinyRun.gpt2 ? "c_attn, c_proj" : "q_proj, k_proj, down_proj"
            var paths: [String] = []
            for (name, adapter) in [
                ("one", "{r: 4, lora_alpha: 8}"),
                (
                    "two",
                    "{r: 2, lora_alpha: 16, use_rslora: true, target_modules: [\(targets)]}"
                ),
            ] {
                let config = try TinyRun(
                    maxSteps: 6, checkpointEvery: 6, adapter: adapter, base: base.path
                ).write(to: scratch, name: "\(name).yaml")
                let outcome = try Shoal.run(
                    ["train", config, "--threads", "1", "--output", scratch.path(name)], in: scratch,
                    name: name)
                try #require(outcome.status == 0, "\(outcome)")
                paths.append(scratch.path(name) + "/adapter")
            }
            (one, two) = (paths[0], paths[1])
        }

        func answer(_ arguments: [String]) throws -> String {
            let outcome = try Shoal.run(
                ["generate", "--chat", "--base", base, "--max-tokens", "6", "--prompt", "Hi"]
                    + arguments, in: scratch)
            #expect(outcome.status == 0, "\(outcome)")
            return outcome.output
        }

        func loss(_ arguments: [String], base other: String? = nil) throws -> Double {
            let outcome = try Shoal.run(
                ["eval", "--base", other ?? base, "--data", scratch.path("train.jsonl"), "--json"]
                    + arguments,
                in: scratch)
            #expect(outcome.status == 0, "\(outcome)")
            let value = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            return try #require(value?["loss"] as? Double)
        }
    }

    @Test("a chat changes over between adapters and the base, and each answers as it does alone")
    func chatChangesOver() throws {
        let adapters = try Adapters()
        let outcome = try Shoal.run(
            [
                "chat", "--base", TinyRun.base.path, "--max-tokens", "6", "--adapter",
                "first=\(adapters.one)",
                "--adapter", "second=\(adapters.two)",
            ], in: adapters.scratch,
            input: "Hi\n/new\n/use second\nHi\n/use third\n/new\n/use none\nHi\n/new\n/use first\nHi\n/use\n")
        #expect(outcome.status == 0, "\(outcome)")
        let alone = [
            try adapters.answer(["--adapter", adapters.one]),
            try adapters.answer(["--adapter", adapters.two]),
            try adapters.answer([]),
        ]
        #expect(outcome.output == alone[0] + alone[1] + alone[2] + alone[0], "\(outcome) \(alone)")
        #expect(Set(alone).count > 1, "\(alone)")
        #expect(outcome.errors.contains("in use: second (changed over in 0.0"), "\(outcome)")
        #expect(
            outcome.errors.contains("no adapter is called 'third'; there are first, second, none"),
            "\(outcome)")
        #expect(outcome.errors.contains("in use: first; there are first, second, none"), "\(outcome)")
    }

    @Test("several adapters are chosen by --use or added with weights; without either they are refused")
    func choosing() throws {
        let adapters = try Adapters()
        let both = ["--adapter", "a=\(adapters.one)", "--adapter", "b=\(adapters.two)"]
        #expect(try adapters.answer(both + ["--use", "b"]) == adapters.answer(["--adapter", adapters.two]))
        #expect(try adapters.answer(both + ["--use", "none"]) == adapters.answer([]))
        let refused = try Shoal.run(
            ["generate", "--base", TinyRun.base.path, "--prompt", "Hi"] + both, in: adapters.scratch)
        #expect(refused.status == 64 && refused.errors.contains("--use a"), "\(refused)")
        let same = try Shoal.run(
            [
                "generate", "--base", TinyRun.base.path, "--prompt", "Hi", "--adapter", adapters.one,
                "--adapter", adapters.two,
            ],
            in: adapters.scratch)
        #expect(same.status == 65 && same.errors.contains("two adapters are called 'adapter'"), "\(same)")
        // Half of one adapter twice is the adapter.
        let halves = try adapters.loss([
            "--adapter", "a=\(adapters.one):0.5", "--adapter", "b=\(adapters.one):0.5",
        ])
        #expect(abs(try adapters.loss(["--adapter", adapters.one]) - halves) < 1e-5)
        #expect(abs(try adapters.loss([]) - halves) > 1e-3)
    }

    @Test(
        "a merged model has the adapter's loss, in Float32 and rounded once; another base's adapter is refused",
        arguments: [TinyRun.base, TinyRun.gpt2])
    func merging(base: URL) throws {
        let adapters = try Adapters(base: base)
        let arguments = ["merge", "--base", adapters.base, "--adapter", adapters.two, "--output"]
        let merged = adapters.scratch.path("merged")
        let outcome = try Shoal.run(arguments + [merged], in: adapters.scratch)
        #expect(outcome.status == 0 && outcome.output.contains("6 changed"), "\(outcome)")
        let adapted = try adapters.loss(["--adapter", adapters.two])
        #expect(abs(try adapters.loss([], base: merged) - adapted) < 1e-5)
        for type in ["f16", "bf16"] {
            let rounded = adapters.scratch.path(type)
            let outcome = try Shoal.run(arguments + [rounded, "--dtype", type], in: adapters.scratch)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(abs(try adapters.loss([], base: rounded) - adapted) < 2e-2)
        }
        let again = try Shoal.run(arguments + [merged], in: adapters.scratch)
        #expect(again.status == 64 && again.errors.contains("is there already"), "\(again)")
        let seen = try Shoal.run(["inspect", merged], in: adapters.scratch)
        #expect(seen.status == 0 && seen.output.contains("shoal_merged_base_digest"), "\(seen)")
        // The merged model is another base than the adapter's.
        let other = try Shoal.run(
            ["merge", "--base", merged, "--adapter", adapters.one, "--output", adapters.scratch.path("x")],
            in: adapters.scratch)
        #expect(
            other.status == 65 && other.errors.contains("was trained on the base with digest"), "\(other)")
        #expect(!adapters.scratch.has("x"))
        let accepted = try Shoal.run(
            [
                "merge", "--base", merged, "--adapter", adapters.one, "--output", adapters.scratch.path("x"),
                "--allow-different-base",
            ], in: adapters.scratch)
        #expect(accepted.status == 0, "\(accepted)")
    }

    @Test(
        "an exported adapter is a GGUF file that inspect describes",
        arguments: [
            (TinyRun.base, 14, "blk.1.attn_q.weight.lora_b"),
            (TinyRun.gpt2, 8, "blk.1.attn_qkv.weight.lora_b"),
        ])
    func exporting(base: URL, modules: Int, tensor: String) throws {
        let adapters = try Adapters(base: base)
        let file = adapters.scratch.path("one.gguf")
        let arguments = ["export", "--base", adapters.base, "--adapter", adapters.one, "--gguf", file]
        let outcome = try Shoal.run(arguments, in: adapters.scratch)
        #expect(outcome.status == 0 && outcome.output.contains("\(modules) modules"), "\(outcome)")
        let seen = try Shoal.run(["inspect", file, "--tensors"], in: adapters.scratch)
        #expect(seen.status == 0 && seen.output.contains("LoRA adapter (GGUF)"), "\(seen)")
        #expect(seen.output.contains(tensor), "\(seen)")
        #expect(try Shoal.run(arguments, in: adapters.scratch).status == 64)
        #expect(try Shoal.run(arguments + ["--overwrite"], in: adapters.scratch).status == 0)
    }

    @Test("an adapter of another family is refused by name, also where its base does not matter")
    func anotherFamily() throws {
        let adapters = try Adapters()
        let arguments = [
            "generate", "--base", TinyRun.gpt2.path, "--prompt", "Hi", "--max-tokens", "1", "--adapter",
            adapters.one,
        ]
        let other = try Shoal.run(arguments, in: adapters.scratch)
        #expect(
            other.status == 65 && other.errors.contains("was trained on the base with digest"), "\(other)")
        let accepted = try Shoal.run(arguments + ["--allow-different-base"], in: adapters.scratch)
        #expect(
            accepted.status == 65 && accepted.errors.contains("matches no linear module of the base")
                && accepted.errors.contains("c_attn"), "\(accepted)")
    }
}
