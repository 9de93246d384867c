import Foundation
import Testing

/// What a user meets first: help, version, and a mistyped verb.
@Suite(.serialized) struct HelpTests {
    static let verbs = [
        "init", "preflight", "train", "coordinator", "worker", "eval", "generate", "chat", "merge", "export",
        "tokenize",
        "inspect", "audit", "prove", "status", "cache", "keys",
    ]

    @Test("the help of every verb ends with an example", arguments: verbs)
    func helpHasAnExample(verb: String) throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run([verb, "--help"], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        let parts = outcome.output.components(separatedBy: "\n\nEXAMPLE:\n")
        #expect(parts.count == 2, "\(outcome)")
        // Each line is a whole command, to be copied; nothing stands behind them.
        let lines = parts.last?.split(separator: "\n") ?? []
        #expect(!lines.isEmpty && lines.allSatisfy { $0.contains("shoal \(verb)") }, "\(outcome)")
    }

    @Test("the help names every verb")
    func helpNamesEveryVerb() throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(["--help"], in: scratch)
        #expect(outcome.status == 0)
        for verb in Self.verbs { #expect(outcome.output.contains("  \(verb) "), "no \(verb) in \(outcome)") }
    }

    @Test("the version names what decides the bits")
    func versionNamesWhatDecidesTheBits() throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(["--version"], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        for word in ["shoal 0.1.0", "commit", "OpenBLAS", "kernels", "protocol"] {
            #expect(outcome.output.contains(word), "no '\(word)' in \(outcome)")
        }
    }

    @Test("an unknown verb or option ends with status 64")
    func unknownWords() throws {
        let scratch = try Scratch()
        #expect(try Shoal.run(["trian"], in: scratch).status == 64)
        #expect(try Shoal.run(["train", "config.yaml", "--wrokers", "2"], in: scratch).status == 64)
    }

    @Test("shells get completions", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(["--generate-completion-script", shell], in: scratch)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("coordinator"))
    }
}
