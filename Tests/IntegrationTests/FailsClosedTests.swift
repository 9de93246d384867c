import Foundation
import Testing

/// Promise 4: what is wrong ends a run before its first step, with a status and a message that names the thing.
@Suite(.serialized) struct FailsClosedTests {
    /// Statuses for input that a user can mend: usage, data or configuration, input and output.
    private static let refusals: Set<Int32> = [64, 65, 74]

    @Test("a target that matches no module is named even when others match")
    func targetThatMatchesNothing() throws {
        let scratch = try Scratch()
        var run = TinyRun()
        run.adapter = "{r: 4, target_modules: [q_proj, nope_proj]}"
        try expectRefusal(run, in: scratch, naming: ["nope_proj"])
    }

    @Test(
        "what needs more memory than there is ends with status 69, what is needed and what is there",
        arguments: ["lora", "full"])
    func doesNotFit(method: String) throws {
        let scratch = try Scratch()
        let config = try TinyRun(method: method).write(to: scratch)
        // Each thread counts its activations; so many are never started.
        let outcome = try Shoal.run(
            ["train", config, "--workers", "4", "--threads", "500000", "--output", scratch.path("run")],
            in: scratch, name: "train")
        #expect(outcome.status == 69, "\(outcome)")
        for text in ["method: \(method) does not fit", "4 workers of 500000 threads", "this host has"] {
            #expect(outcome.errors.contains(text), "no '\(text)' in \(outcome)")
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.path("run")))
    }

    @Test("a row that is not JSON is named by file and line")
    func malformedRow() throws {
        let scratch = try Scratch()
        var run = TinyRun()
        run.rows[41] = #"{"prompt": "What", "completion": "#
        try expectRefusal(run, in: scratch, naming: ["train.jsonl", "42"])
    }

    @Test("a row of another shape than its file's is named by file and line")
    func rowOfAnotherShape() throws {
        let scratch = try Scratch()
        var run = TinyRun()
        run.rows[70] = #"{"question": "What?", "answer": "That."}"#
        try expectRefusal(run, in: scratch, naming: ["train.jsonl", "71"])
    }

    @Test("a row without anything to learn is named by file and line")
    func rowWithoutLabels() throws {
        let scratch = try Scratch()
        var run = TinyRun()
        run.rows[9] = #"{"prompt": "What is one plus one?", "completion": ""}"#
        try expectRefusal(run, in: scratch, naming: ["train.jsonl", "10"])
    }

    @Test("a chat without an assistant is named by file and line")
    func chatWithoutAssistant() throws {
        let scratch = try Scratch()
        var run = TinyRun()
        run.rows = [
            #"{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]}"#,
            #"{"messages": [{"role": "user", "content": "Anyone?"}]}"#,
        ]
        try expectRefusal(run, in: scratch, naming: ["train.jsonl", "2"])
    }

    @Test("a chat that the template refuses is named before the first step, however late its turn")
    func lateChat() throws {
        let scratch = try Scratch()
        var run = TinyRun()
        // Rows of the first steps are looked at for the summary; of 3,000 it would be found there by a rare chance.
        run.rows = Array(
            repeating:
                #"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}"#,
            count: 3000)
        run.rows[2899] =
            #"{"messages": [{"role": "tool", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}"#
        let config = try run.write(to: scratch)
        for verb in ["train", "preflight"] {
            let outcome = try Shoal.run(
                [verb, config, "--set", "data.chat_template=qwen2.5"], in: scratch, name: verb)
            #expect(outcome.status == 65 && outcome.errors.contains("train.jsonl:2900"), "\(outcome)")
        }
        #expect(!scratch.has("runs/config"))
    }

    @Test("r beyond any use is refused by name, not by a crash", arguments: ["70000", "9223372036854775807"])
    func hugeRank(rank: String) throws {
        let scratch = try Scratch()
        var run = TinyRun()
        run.adapter = "{r: 4, rank_pattern: {q_proj: \(rank)}}"
        try expectRefusal(run, in: scratch, naming: ["rank_pattern"])
    }

    @Test("an unknown key is answered with the nearest one")
    func unknownKey() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let text = try String(contentsOfFile: config, encoding: .utf8)
        try scratch.write(
            text.replacingOccurrences(of: "learning_rate:", with: "learning_rat:"), to: "config.yaml")
        try expectRefusal(of: ["train", config], in: scratch, naming: ["learning_rat", "learning_rate"])
    }

    @Test("an unknown key on the command line is answered with the nearest one")
    func unknownKeyOnTheCommandLine() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        try expectRefusal(
            of: ["train", config, "--set", "training.batchsize=4"], in: scratch,
            naming: ["training.batch_size"])
    }

    @Test("an existing run is neither overwritten nor continued unasked")
    func existingRun() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 2).write(to: scratch)
        let arguments = ["train", config, "--workers", "1", "--output", scratch.path("run")]
        let first = try Shoal.run(arguments, in: scratch)
        try #require(first.status == 0, "\(first)")
        let adapter = try RunFolder("run", in: scratch).adapter()

        let second = try Shoal.run(arguments, in: scratch)
        #expect(Self.refusals.contains(second.status), "\(second)")
        #expect(second.errors.contains("--resume") && second.errors.contains("--overwrite"), "\(second)")
        #expect(try RunFolder("run", in: scratch).adapter() == adapter)
    }

    @Test("resuming with another learning rate is refused and the difference named")
    func resumingWithAnotherConfiguration() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 4).write(to: scratch)
        let first = try Shoal.run(
            ["train", config, "--workers", "1", "--output", scratch.path("run")], in: scratch)
        try #require(first.status == 0, "\(first)")
        let text = try String(contentsOfFile: config, encoding: .utf8)
        try scratch.write(
            text.replacingOccurrences(of: "learning_rate: 0.01", with: "learning_rate: 0.02"),
            to: "config.yaml")
        let second = try Shoal.run(["train", config, "--resume", scratch.path("run")], in: scratch)
        #expect(Self.refusals.contains(second.status), "\(second)")
        #expect(second.errors.contains("learning_rate"), "\(second)")
    }

    @Test("an adapter that was trained on another base is refused")
    func adapterOfAnotherBase() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 2).write(to: scratch)
        let trained = try Shoal.run(
            ["train", config, "--workers", "1", "--output", scratch.path("run")], in: scratch)
        try #require(trained.status == 0, "\(trained)")
        let other = try TinyRun.copyOfBase(in: scratch)
        try flipLastByte(of: other.appendingPathComponent("model.safetensors"))

        let outcome = try Shoal.run(
            [
                "eval", "--base", other.path, "--adapter", scratch.path("run/adapter"), "--data",
                scratch.path("train.jsonl"),
            ], in: scratch)
        #expect(outcome.status == 65, "\(outcome)")
        #expect(outcome.errors.contains("base"), "\(outcome)")
        #expect(outcome.errors.contains("--allow-different-base"), "\(outcome)")
    }

    @Test(
        "a run on a full disk ends with status 74 and leaves no adapter",
        .enabled(if: geteuid() == 0, "mounting a small disk needs root"))
    func fullDisk() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let disk = scratch.path("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        try #require(mount("-t", "tmpfs", "-o", "size=32k", "shoal-test", disk), "cannot mount a small disk")
        defer { _ = unmount(disk) }
        let outcome = try Shoal.run(
            ["train", config, "--workers", "2", "--output", "\(disk)/run"], in: scratch)
        #expect(outcome.status == 74, "\(outcome)")
        #expect(outcome.errors.contains("space"), "\(outcome)")
        #expect(!FileManager.default.fileExists(atPath: "\(disk)/run/adapter"))
        #expect(Shoal.eventually(within: 7) { scratch.processes().isEmpty }, "workers were left behind")
    }

    private func expectRefusal(_ run: TinyRun, in scratch: Scratch, naming words: [String]) throws {
        try expectRefusal(of: ["train", run.write(to: scratch)], in: scratch, naming: words)
    }

    /// The command ends with a status for mendable input, its message has all `words`, and no run looks finished.
    private func expectRefusal(of arguments: [String], in scratch: Scratch, naming words: [String]) throws {
        let outcome = try Shoal.run(
            arguments + ["--workers", "2", "--output", scratch.path("run")], in: scratch)
        #expect(Self.refusals.contains(outcome.status), "\(outcome)")
        for word in words { #expect(outcome.errors.contains(word), "no '\(word)' in:\n\(outcome)") }
        #expect(!RunFolder("run", in: scratch).hasAdapter)
        #expect(try RunFolder("run", in: scratch).metrics().isEmpty)
        #expect(Shoal.eventually(within: 7) { scratch.processes().isEmpty }, "workers were left behind")
    }

    private func flipLastByte(of file: URL) throws {
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: file)
    }

    private func mount(_ arguments: String...) -> Bool { succeeds("/usr/bin/mount", arguments) }
    private func unmount(_ folder: String) -> Bool { succeeds("/usr/bin/umount", ["-l", folder]) }

    private func succeeds(_ path: String, _ arguments: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
