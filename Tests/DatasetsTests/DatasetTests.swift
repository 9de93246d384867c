import Datasets
import Foundation
import Testing
import Tokenizers

@Suite struct DatasetTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func failure(_ text: String, columns: [String: String] = [:]) throws -> DatasetError {
        let path = try folder.write(text)
        return try #require(throws: DatasetError.self) { _ = try Dataset(paths: [path], columns: columns) }
    }

    @Test(arguments: RowShape.allCases) func everyShapeIsDetectedAndRead(shape: RowShape) throws {
        let dataset = try Dataset(paths: [fixture("\(shape).jsonl")])
        #expect(dataset.readers.map(\.shape) == [shape])
        #expect(try Dataset.describe(path: fixture("\(shape).jsonl")) == (shape, dataset.rowCount))
        let rows = try (0..<dataset.rowCount).map { try dataset.row($0) }
        switch shape {
        case .messages:
            #expect(
                rows[0]
                    == .chat([
                        .init(role: "system", content: "Be brief."), .init(role: "user", content: "Hi"),
                        .init(role: "assistant", content: "Hello é"),
                    ]))
            #expect(
                rows[1]
                    == .chat([.init(role: "user", content: "AB"), .init(role: "assistant", content: "C")]))
        case .conversations:
            #expect(
                rows == [
                    .chat([.init(role: "user", content: "Hi"), .init(role: "assistant", content: "Hello")])
                ])
        case .promptCompletion:
            #expect(
                rows == [
                    .promptCompletion(prompt: "2+2=", completion: " 4"),
                    .promptCompletion(prompt: "", completion: "😀"),
                ])
        case .promptCompletionMessages:
            #expect(
                rows == [
                    .chatCompletion(
                        prompt: [.init(role: "user", content: "Hi")],
                        completion: [.init(role: "assistant", content: "Hello")])
                ])
        case .instruction:
            let task = "Below is an instruction that describes a task"
            let request = "Write a response that appropriately completes the request.\n\n### Instruction:\n"
            #expect(
                rows[0]
                    == .promptCompletion(
                        prompt:
                            "\(task), paired with an input that provides further context. \(request)Add.\n\n### Input:\n2 3\n\n### Response:",
                        completion: "5"))
            #expect(
                rows[1]
                    == .promptCompletion(
                        prompt: "\(task). \(request)Greet.\n\n### Response:", completion: "Hi"))
            #expect(rows[2] == rows[1])
        case .text: #expect(rows == [.text("Once upon a time."), .text("The end.")])
        case .textLabel:
            #expect(
                rows == [
                    .labelled(text: "good", label: "pos"), .labelled(text: "bad", label: "0"),
                    .labelled(text: "so", label: "true"),
                ])
        }
    }

    @Test func blankLinesAndLineEndsAreNoRows() throws {
        let path = try folder.write(
            "\u{FEFF}\r\n\n  {\"text\": \"a\"} \r\n \t\n\n{\"text\": \"b\"}\r\n{\"text\": \"c\"}")
        let dataset = try Dataset(paths: [path])
        #expect(
            try (0..<dataset.rowCount).map { try dataset.row($0) } == [.text("a"), .text("b"), .text("c")])
        #expect(dataset.files[0].line(ofRow: 0) == 3 && dataset.files[0].line(ofRow: 1) == 6)
    }

    @Test func aByteOrderMarkDirectlyBeforeTheFirstRowIsSkipped() throws {
        let dataset = try Dataset(paths: [try folder.write("\u{FEFF}{\"text\": \"a\"}\n")])
        #expect(try dataset.row(0) == .text("a"))
    }

    @Test func rowsCountOnOverSeveralFiles() throws {
        let dataset = try Dataset(paths: [
            fixture("text.jsonl"), fixture("promptCompletion.jsonl"), fixture("text.jsonl"),
        ])
        #expect(dataset.rowCount == 6)
        #expect(try dataset.row(2) == .promptCompletion(prompt: "2+2=", completion: " 4"))
        #expect(try dataset.row(5) == .text("The end."))
        #expect(dataset.shape(ofRow: 3) == .promptCompletion)
    }

    @Test func aPackedFileOfTwoMembersReadsLikeOne() throws {
        let dataset = try Dataset(paths: [fixture("two-members.jsonl.gz")])
        #expect(dataset.rowCount == 300)
        for index in [0, 149, 150, 151, 299] {
            #expect(
                try dataset.row(index) == .promptCompletion(prompt: "q\(index)", completion: " a\(index)"))
        }
    }

    @Test(arguments: [
        ("cut.jsonl.gz", "ends early"), ("not-packed.jsonl.gz", "not a gzip file"),
        ("none.jsonl.gz", "does not exist"), ("none.jsonl", "does not exist"), ("", "is a folder"),
    ])
    func aFileThatCannotBeReadIsNamed(name: String, problem: String) throws {
        let error = try #require(throws: DatasetError.self) { _ = try Dataset(paths: [fixture(name)]) }
        #expect(error.code == .unreadableFile && error.exitStatus == 74)
        #expect(error.description.contains(fixture(name)) && error.message.contains(problem), "\(error)")
    }

    @Test func otherNamesAreMapped() throws {
        let path = try folder.write(#"{"question": "q", "answer": "a", "text": "t"}"# + "\n")
        let dataset = try Dataset(paths: [path], columns: ["prompt": "question", "completion": "answer"])
        #expect(try dataset.row(0) == .promptCompletion(prompt: "q", completion: "a"))
        #expect(try Dataset(paths: [path], columns: ["text": "answer"]).row(0) == .text("a"))
        let error = try failure("{\"q\": 1}", columns: ["prompt": "question"])
        #expect(
            error.code == .wrongShape && error.message.contains("\"question\"")
                && error.message.contains("\"q\""))
    }

    @Test(arguments: [
        (#"{"prompt": "a"}"#, DatasetError.Code.wrongShape, "\"completion\""),
        (#"{"prompt": "a", "completion": null}"#, .noSupervision, "null"),
        (#"{"prompt": "a", "completion": ""}"#, .noSupervision, "a row without labels"),
        (#"{"prompt": 3, "completion": "a"}"#, .malformedRow, "the number 3"),
        (#"{"prompt": "a", "completion": ["b"]}"#, .malformedRow, "a list of 1"),
        (#"["prompt"]"#, .malformedRow, "expected a JSON object"),
        (#"{"prompt": "a", "completion": "b""#, .malformedRow, "column 34"),
        (#"{"prompt": "a", "prompt": "b"}"#, .malformedRow, "stands twice"),
        (#"{"text": "a"}"#, .wrongShape, "as the file's first"), ("{}", .wrongShape, "\"prompt\""),
        ("nonsense", .malformedRow, "column 1"),
        (#"{"prompt": "\ud800", "completion": "b"}"#, .malformedRow, "surrogate"),
        (#"{"prompt": "a", "completion": "b"} {}"#, .malformedRow, "behind the row"),
    ])
    func aBadRowIsNamedWithFileAndLine(row: String, code: DatasetError.Code, problem: String) throws {
        let error = try failure("{\"prompt\": \"a\", \"completion\": \"b\"}\n\n" + row + "\n")
        #expect(error.code == code && error.context.line == 3 && error.exitStatus == 65)
        #expect(error.description.hasSuffix(error.message) && error.description.contains("rows.jsonl:3: "))
        #expect(error.message.contains(problem), "\(error)")
    }

    @Test(arguments: [
        (#"{"messages": [{"role": "user", "content": "a"}]}"#, "a row without labels"),
        (#"{"messages": []}"#, "a row without labels"),
        (#"{"messages": [{"role": "assistant", "content": ""}]}"#, "a row without labels"),
        (#"{"messages": "a"}"#, "a list of messages"),
        (#"{"messages": [{"role": "user"}]}"#, "\"messages\"[0]"),
        (#"{"messages": [{"content": "a"}]}"#, "\"role\""),
        (#"{"messages": [{"role": "assistant", "content": [{"type": "image"}]}]}"#, "parts"),
        (#"{"conversations": [{"from": "martian", "value": "a"}]}"#, "martian"),
        (#"{"conversations": [{"from": "gpt", "value": 1}]}"#, "strings"),
        (#"{"text": "a", "label": null}"#, "a row without a label"),
        (#"{"text": "a", "label": [1]}"#, "a row without a label"),
        (#"{"text": ""}"#, "a row without labels"), (#"{"input": "a"}"#, "data.columns"),
        ("3", "expected a JSON object"),
        (#"{"prompt": [], "completion": [{"role": "user", "content": "a"}]}"#, "a row without labels"),
        ("{}", "no keys"),
    ])
    func aBadFirstRowIsNamed(row: String, problem: String) throws {
        let error = try failure("\n" + row)
        #expect(error.context.line == 2 && error.message.contains(problem), "\(error)")
    }

    @Test func anEmptyFileIsRefused() throws {
        #expect(try failure("\n \n").code == .empty)
        #expect(throws: DatasetError.self) { _ = try Dataset(paths: []) }
    }

    @Test func aFileThatShrinksIsNoticed() throws {
        let path = try folder.write(String(repeating: "{\"text\": \"abc\"}\n", count: 100))
        let dataset = try Dataset(paths: [path])
        try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 40)
        #expect(try dataset.row(1) == .text("abc"))
        let error = try #require(throws: DatasetError.self) { _ = try dataset.row(90) }
        #expect(error.code == .changed && error.exitStatus == 74)
    }

    @Test func aShareIsKeptBackByHashWhereverARowStands() throws {
        let lines = (0..<4000).map { "{\"text\": \"row \($0 % 2000)\"}" }
        let forward = try Dataset(paths: [try folder.write(lines.joined(separator: "\n"))])
        let backward = try Dataset(paths: [
            try folder.write(lines.reversed().joined(separator: "\r\n"), name: "b.jsonl")
        ])
        let (train, valid) = try forward.split(validFraction: 0.1)
        #expect((train + valid).sorted() == Array(0..<4000))
        #expect(abs(valid.count - 400) < 100)
        let texts = try Set(valid.map { try forward.row(Int($0)) }.map { "\($0)" })
        #expect(texts.count == valid.count / 2, "equal rows fall on the same side")
        let others = try backward.split(validFraction: 0.1).valid.map { "\(try backward.row(Int($0)))" }
        #expect(Set(others) == texts)
        let (all, none) = try forward.split(validFraction: nil)
        #expect(all.count == 4000 && none.isEmpty)
        #expect(throws: DatasetError.self) { _ = try forward.split(validFraction: 1e-12) }
    }

    @Test func labelsDoNotMixWithOtherRows() {
        #expect(throws: DatasetError.self) {
            _ = try Dataset(paths: [fixture("text.jsonl"), fixture("textLabel.jsonl")])
        }
    }

    @Test func mutatedRowsNeverTrap() throws {
        var generator = SeededGenerator(state: 3)
        var originals: [[UInt8]] = []
        for shape in RowShape.allCases {
            let text = try String(contentsOfFile: fixture("\(shape).jsonl"), encoding: .utf8)
            originals += text.split(separator: "\n").map { Array($0.utf8) }
        }
        let interesting = Array("{}[]\",:\\u/0129-+.eEtfn \t".utf8) + [0, 0x7F, 0x80, 0xC3, 0xED, 0xF4, 0xFF]
        let builder = SequenceBuilder(
            tokenizer: ByteTokenizer(), chatTemplate: try .named("plain"), maxSequenceLength: 16)
        var read = 0
        for _ in 0..<20 {
            var text: [UInt8] = []
            for _ in 0..<1000 {
                var row = originals[Int(generator.next() % UInt64(originals.count))]
                for _ in 0..<Int(generator.next() % 4) {
                    let at = Int(generator.next() % UInt64(row.count))
                    switch generator.next() % 4 {
                    case 0: row[at] = interesting[Int(generator.next() % UInt64(interesting.count))]
                    case 1: row.insert(interesting[Int(generator.next() % UInt64(interesting.count))], at: at)
                    case 2 where row.count > 1: row.removeSubrange(at..<min(row.count, at + 3))
                    default: row[at] = UInt8(truncatingIfNeeded: generator.next())
                    }
                    if row.isEmpty { row = [0x20] }
                }
                text += row + [0x0A]
            }
            let url = folder.url.appending(path: "fuzz.jsonl")
            try Data(text).write(to: url)
            let file = try JSONLFile(path: url.path)
            for row in 0..<file.rowCount {
                // Each row as the only one of its kind: detected, read and built, or refused.
                let path = try file.bytes(ofRow: row)
                if let parsed = try? RowReader.parse(path), let reader = try? RowReader.detect(parsed),
                    let value = try? reader.read(parsed)
                {
                    if let example = try? builder.example(of: value, id: 0) {
                        read += 1
                        #expect(example.sequences.allSatisfy { $0.tokenIDs.count <= 16 })
                    }
                }
            }
        }
        #expect(read > 3000 && read < 17000)
    }

    @Test func deepAndLongLinesAreRefused() throws {
        #expect(
            try failure("{\"text\": " + String(repeating: "[", count: 100_000)).message.contains(
                "nested deeper"))
        #expect(
            try failure("{\"text\": " + String(repeating: "{\"a\":", count: 100_000)).message.contains(
                "nested deeper"))
        let error = try failure(String(repeating: "a", count: (64 << 20) + 5))
        #expect(error.code == .malformedRow && error.message.contains("64 MiB"))
    }
}
