import Foundation
import Testing

/// The verbs that prepare, look into and check a run, on the tiny base.
@Suite(.serialized) struct VerbTests {
    @Test("a chat answers each message, and a new one or the end is a command")
    func chatAnswers() throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(
            ["chat", "--base", TinyRun.base.path, "--max-tokens", "4"], in: scratch,
            input: "Hello\n\n/new\nHi\n/exit\nnot read\n")
        #expect(outcome.status == 0, "\(outcome)")
        let generated = try Shoal.run(
            ["generate", "--chat", "--base", TinyRun.base.path, "--max-tokens", "4", "--prompt", "Hi"],
            in: scratch)
        #expect(generated.status == 0, "\(generated)")
        #expect(!generated.output.isEmpty && outcome.output.hasSuffix(generated.output))
    }

    @Test("a chat template that is not known is named, with those that are")
    func unknownTemplateIsNamed() throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(
            ["chat", "--base", TinyRun.base.path, "--chat-template", "parrot"], in: scratch, input: "Hi\n")
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.errors.contains("parrot") && outcome.errors.contains("chatml"), "\(outcome)")
    }

    @Test("init writes a configuration that preflight passes, and never over a file")
    func initWritesConfiguration() throws {
        let scratch = try Scratch()
        try scratch.write(#"{"prompt": "What is", "completion": " two"}"# + "\n", to: "rows.jsonl")
        let arguments = [
            "init", "--base", TinyRun.base.path, "--data", scratch.path("rows.jsonl"), "--output",
            scratch.path("made.yaml"),
        ]
        let made = try Shoal.run(arguments, in: scratch)
        #expect(made.status == 0, "\(made)")
        let checked = try Shoal.run(["preflight", scratch.path("made.yaml")], in: scratch)
        #expect(checked.status == 0, "\(checked)")
        let again = try Shoal.run(arguments, in: scratch)
        #expect(again.status == 64 && again.errors.contains("made.yaml"), "\(again)")
    }

    @Test("the whole of stdin is one text with --whole, and comes back with --decode")
    func wholeTextRoundTrips() throws {
        let scratch = try Scratch()
        let text = "two\nlines \n"
        let ids = try Shoal.run(
            ["tokenize", "--base", TinyRun.base.path, "--whole"], in: scratch, input: text)
        #expect(ids.status == 0 && ids.output.split(separator: "\n").count == 1, "\(ids)")
        let back = try Shoal.run(
            ["tokenize", "--base", TinyRun.base.path, "--whole", "--decode"], in: scratch, input: ids.output)
        #expect(back.status == 0 && back.output == text, "\(back)")
        let wrong = try Shoal.run(
            ["tokenize", "--base", TinyRun.base.path, "--decode"], in: scratch, input: "1 two\n")
        #expect(wrong.status == 65 && wrong.errors.contains("two"), "\(wrong)")
    }

    @Test("a row that cannot be trained on is named before a folder is made")
    func badRowLeavesNoFolder() throws {
        let scratch = try Scratch()
        try scratch.write(
            "{\"prompt\": \"a\", \"completion\": \" b\"}\n{\"prompt\": \"a\", \"completion\": \"\"}\n",
            to: "rows.jsonl")
        let config = try TinyRun().write(to: scratch)
        let outcome = try Shoal.run(
            [
                "train", config, "--output", scratch.path("run"), "--set",
                "data.train=[\(scratch.path("rows.jsonl"))]",
            ],
            in: scratch)
        #expect(outcome.status == 65 && outcome.errors.contains("rows.jsonl:2"), "\(outcome)")
        #expect(!scratch.has("run"))
    }
}
