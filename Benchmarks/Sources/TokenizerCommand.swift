import ArgumentParser
import Foundation
import Logging
import Tokenizers
import Training

/// How fast text becomes ids.
struct TokenizerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer",
        abstract: "Encode and decode a text file, a line at a time.",
        discussion: """
            Example:
              Benchmarks/run tokenizer --file data/reviews.train.jsonl
            """)

    @Option(help: "A base with the tokenizer.") var base = "data/SmolLM2-135M-Instruct.Q4_1.gguf"
    @Option(help: "A text file.") var file = "data/reviews.train.jsonl"
    @Option(help: "Repetitions; the median counts.") var repeats = 5

    func run() async throws {
        let tokenizer = try await LoadedBase.tokenizer(reference: base, logger: Logger(label: "benchmarks"))
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
        let byteCount = lines.reduce(0) { $0 + $1.utf8.count }
        var ids: [[Int32]] = []
        let encoding = try Timing(count: repeats) { ids = try lines.map { try tokenizer.encode($0) } }
        let decoding = Timing(count: repeats) {
            for line in ids { _ = tokenizer.decode(line, skipSpecialTokens: false) }
        }
        let count = ids.reduce(0) { $0 + $1.count }
        func rate(_ timing: Timing) -> [String] {
            [
                decimal(Double(byteCount) / timing.median * 1e-6),
                decimal(Double(count) / timing.median * 1e-6, 2),
            ]
        }
        print("\(lines.count) lines, \(byteCount) bytes, \(count) tokens, one thread")
        print(
            table([
                ["", "MB/s", "million tokens/s"], ["encode"] + rate(encoding), ["decode"] + rate(decoding),
            ]))
    }
}
