import Foundation
import Testing

/// The examples of `--help`, pasted into a shell in a checkout in which `scripts/quickstart` has run. A small base and a
/// few rows stand in for SmolLM2 and the reviews.
@Suite(.serialized) struct PastedExamplesTests {
    /// In an order in which each finds what it needs. `coordinator` and `worker` are one test of their own.
    private static let commands = [
        ["train"], ["init"], ["preflight"], ["eval"], ["generate"], ["chat"], ["merge"], ["export"],
        ["tokenize"], ["inspect"],
        ["audit"], ["cache"], ["cache", "list"], ["cache", "prune"],
    ]

    @Test("the example of every verb works when it is pasted")
    func examplesWork() throws {
        let checkout = try Checkout()
        for command in Self.commands {
            let lines = try checkout.examples(of: command)
            try #require(!lines.isEmpty)
            for line in lines {
                let outcome = try checkout.paste(line)
                #expect(outcome.status == 0, "\(line)\n\(outcome)")
            }
            if command == ["train"] { try checkout.link("runs/quickstart", to: "runs/reviews") }
        }
        for line in try checkout.examples(of: []) {
            let outcome = try checkout.paste(line)
            #expect(outcome.status == 0, "\(line)\n\(outcome)")
        }
    }

    @Test("the examples of keys, coordinator and worker fit together when they are pasted")
    func clusterExamplesWork() throws {
        let checkout = try Checkout()
        for line in try checkout.examples(of: ["keys"]) {
            let outcome = try checkout.paste(line)
            #expect(outcome.status == 0, "\(line)\n\(outcome)")
        }
        let invitation = try #require(try checkout.examples(of: ["keys", "invite"]).first)
        #expect(try checkout.paste(invitation).output.hasPrefix("shoal1-"))
        let coordinate = try #require(try checkout.examples(of: ["coordinator"]).first)
        let work = try #require(try checkout.examples(of: ["worker"]).first)
        let coordinator = try checkout.start(coordinate, name: "coordinator")
        let worker = try checkout.start(work, name: "worker")
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        let end = try worker.wait(limit: 20)
        #expect(end.status == 0, "\(end)")
    }
}

/// A folder laid out as a checkout after the quickstart.
private struct Checkout {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        let base = "data/SmolLM2-135M-Instruct.Q4_1.gguf"
        try scratch.write(TinyRun.rows().joined(separator: "\n") + "\n", to: "data/reviews.train.jsonl")
        try scratch.write(
            TinyRun.rows(count: 20).joined(separator: "\n") + "\n", to: "data/reviews.valid.jsonl")
        try link(base, to: TinyRun.base.path)
        let config = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Examples/reviews/config.yaml")
        let text = try String(contentsOf: config, encoding: .utf8)
        try scratch.write(
            text.replacing("max_steps: 60", with: "max_steps: 3"), to: "Examples/reviews/config.yaml")
        try link("bin/shoal", to: Shoal.executable().path)
    }

    /// Makes `name` a link to `target`, in the folder unless it is absolute.
    func link(_ name: String, to target: String) throws {
        let path = scratch.path(name)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: target.hasPrefix("/") ? target : scratch.path(target))
    }

    /// The lines under "EXAMPLE:" of a command's help.
    func examples(of command: [String]) throws -> [String] {
        let help = try Shoal.run(command + ["--help"], in: scratch)
        return help.output.components(separatedBy: "\n\nEXAMPLE:\n").last?.split(separator: "\n").map {
            $0.trimmingCharacters(in: .whitespaces)
        } ?? []
    }

    /// Runs a line in a shell, as a user who has `shoal` on the path.
    func paste(_ line: String) throws -> ProcessOutcome { try start(line, name: "paste").wait() }

    /// Starts a line in a shell.
    func start(_ line: String, name: String) throws -> RunningProcess {
        try RunningProcess(
            executable: URL(filePath: "/bin/bash"), arguments: ["-c", line], scratch: scratch, name: name,
            input: "Hello\n",
            environment: [
                "HOME": scratch.folder.path,
                "PATH": scratch.path("bin") + ":/usr/local/bin:/usr/bin:/bin",
            ])
    }
}
