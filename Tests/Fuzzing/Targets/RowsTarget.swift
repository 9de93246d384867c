import Datasets
import Foundation
import Tokenizers

/// Files of rows, packed and not: indexed, read, split, and made into token sequences.
public final class RowsTarget: FuzzTarget {
    public static let name = "rows"
    public let corpus: [FuzzInput]
    public let words = [
        "messages", "role", "content", "user", "assistant", "system", "conversations", "from", "value",
        "human", "gpt",
        "prompt", "completion", "instruction", "input", "output", "text", "label", "null", "\\u0000",
        "\\ud83d\\ude00",
        "\\ud800", "\n", "\r\n", "\n\n{", "{\"text\":\"x\"}\n", "é中🐟",
    ].map { Array($0.utf8) }
    private let workspace: FuzzWorkspace
    private let tokenizer: any Tokenizer

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        tokenizer = try TokenizerLoader.load(directory: workspace.fixtures + "/tiny-base")
        let plain = [
            "conversations", "instruction", "messages", "promptCompletion", "promptCompletionMessages",
            "text",
            "textLabel",
        ]
        let packed = ["two-members.jsonl.gz", "cut.jsonl.gz"]
        corpus =
            try workspace.stored(Self.name)
            + plain.map { FuzzInput([.init("rows.jsonl", try workspace.fixture("datasets/\($0).jsonl"))]) }
            + packed.map { FuzzInput([.init("rows.jsonl.gz", try workspace.fixture("datasets/\($0)"))]) }
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        let path = try workspace.write(input.parts[0].name, input.parts[0].bytes)
        guard let dataset = try? Dataset(paths: [path]) else { return false }
        guard dataset.rowCount > 0 else { throw FuzzFailure("a file without rows was taken") }
        let hasChats = dataset.readers.contains { $0.shape.isChat }
        let builder = SequenceBuilder(
            tokenizer: tokenizer, chatTemplate: hasChats ? try? ChatTemplate.named("plain") : nil,
            maxSequenceLength: 32)
        for row in 0..<dataset.rowCount {
            guard (try? dataset.row(row)) != nil else {
                throw FuzzFailure("row \(row) was checked and cannot be read")
            }
            guard let example = try? builder.example(row, of: dataset) else { continue }
            for sequence in example.sequences where sequence.tokenIDs.count > 32 {
                throw FuzzFailure(
                    "row \(row) has a sequence of \(sequence.tokenIDs.count) tokens, at most 32 were asked for"
                )
            }
        }
        _ = try? dataset.split(validFraction: 0.5)
        return true
    }
}
