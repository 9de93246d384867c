import ArgumentParser
import Foundation
import Tokenizers
import Training

struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Turn text into token ids, and back.",
        discussion: """
            Reads stdin and writes a line of ids for each line as it comes, without its line break. With --decode \
            lines of ids become text. With --whole all of stdin is one text, line breaks and all.

            Example:
              echo "Loved it." | shoal tokenize --base data/SmolLM2-135M-Instruct.Q4_1.gguf
            """)

    @Option(help: "A Hugging Face folder, a .gguf file, or a Hub id org/name[@revision].")
    var base: String

    @Flag(help: "Lines of ids become lines of text.")
    var decode = false

    @Flag(help: "All of stdin is one text, or one sequence of ids.")
    var whole = false

    @OptionGroup(title: "Output") var logging: LoggingOptions

    func run() async throws {
        let tokenizer = try await LoadedBase.tokenizer(reference: base, logger: logging.bootstrap())
        let input = FileHandle.standardInput
        if whole {
            let bytes = [UInt8](try input.readToEnd() ?? Data())
            StandardOutput.write(
                try TokenizeCommandLines.run(bytes, decodes: decode, isWhole: true, with: tokenizer))
            return
        }
        var pending: [UInt8] = []
        var number = 0
        // `read(upToCount:)` waits for all it is asked for; what is there already has to be answered at once.
        while true {
            let bytes = input.availableData
            let isEnd = bytes.isEmpty
            let lineBreak = bytes.lastIndex(of: UInt8(ascii: "\n"))
            let end = isEnd ? pending.count : lineBreak.map { pending.count + $0 - bytes.startIndex + 1 } ?? 0
            pending += bytes
            var output = ""
            for line in TokenizeCommandLines.lines(of: Array(pending[..<end])) {
                number += 1
                output += try convert(Array(line), number: number, with: tokenizer) + "\n"
            }
            pending.removeSubrange(..<end)
            if !output.isEmpty, !StandardOutput.write(output) { return }
            if isEnd { return }
        }
    }

    private func convert(_ line: [UInt8], number: Int, with tokenizer: any Tokenizer) throws -> String {
        decode
            ? try TokenizeCommandLines.decode(line: line, number: number, with: tokenizer)
            : try TokenizeCommandLines.encode(line: line, with: tokenizer)
    }
}
