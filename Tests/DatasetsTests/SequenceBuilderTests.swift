import Datasets
import Tensors
import Testing
import Tokenizers

@Suite struct SequenceBuilderTests {
    private func builder(
        _ length: Int, bos: Bool = false, all: Bool = false, template: String = "chatml"
    ) throws -> SequenceBuilder {
        SequenceBuilder(
            tokenizer: ByteTokenizer(addsBeginOfSequence: bos), chatTemplate: try .named(template),
            maxSequenceLength: length, learnsWholeChat: all)
    }

    /// The tokens as text, EOS as $ and BOS as ^^, and the tokens that are learnt, in the same spelling.
    private func spelled(_ sequence: TrainingSequence) -> (tokens: String, learnt: String) {
        func spell(_ ids: [Int32]) -> String {
            ids.map { $0 == 256 ? "$" : $0 == 257 ? "^^" : String(UnicodeScalar(UInt8($0))) }.joined()
        }
        #expect(sequence.targets.last == MicroBatch.noTarget)
        #expect(sequence.supervisedTokenCount == sequence.targets.filter { $0 >= 0 }.count)
        for (index, target) in sequence.targets.dropLast().enumerated() where target >= 0 {
            #expect(target == sequence.tokenIDs[index + 1])
        }
        return (spell(sequence.tokenIDs), spell(sequence.targets.filter { $0 >= 0 }))
    }

    @Test func aCompletionAndItsEndAreLearnt() throws {
        let example = try builder(64).example(of: .promptCompletion(prompt: "2+2=", completion: "4!"), id: 7)
        #expect(spelled(example.sequences[0]) == ("2+2=4!$", "4!$"))
        #expect(
            example.id == 7 && example.sequences[0].exampleID == 7 && example.sequences[0].exampleOffset == 0)
        let withBOS = try builder(64, bos: true).example(
            of: .promptCompletion(prompt: "a", completion: "b"), id: 0)
        #expect(spelled(withBOS.sequences[0]) == ("^^ab$", "b$"))
    }

    @Test func withoutAPromptTheFirstTokenHasNothingBeforeIt() throws {
        let example = try builder(64).example(of: .promptCompletion(prompt: "", completion: "ab"), id: 0)
        #expect(spelled(example.sequences[0]) == ("ab$", "b$"))
        let withBOS = try builder(64, bos: true).example(
            of: .promptCompletion(prompt: "", completion: "ab"), id: 0)
        #expect(spelled(withBOS.sequences[0]) == ("^^ab$", "ab$"))
    }

    @Test(arguments: [
        (10, false, "defghABC$", "ABC$", 3, 0), (5, false, "hABC$", "ABC$", 7, 0),
        (4, false, "hABC", "ABC", 7, 1), (2, false, "hA", "A", 7, 3),
        (7, true, "^^ghABC$", "ABC$", 6, 0), (5, true, "^^hABC", "ABC", 7, 1), (2, true, "hA", "A", 8, 3),
        (12, false, "abcdefghABC$", "ABC$", 0, 0),
    ])
    func tooLongIsCutLeftOfThePromptThenRightOfTheCompletion(
        length: Int, bos: Bool, tokens: String, learnt: String, promptCut: Int, completionCut: Int
    ) throws {
        let length = tokens == "defghABC$" ? 9 : length
        let example = try builder(length, bos: bos).example(
            of: .promptCompletion(prompt: "abcdefgh", completion: "ABC"), id: 0)
        #expect(spelled(example.sequences[0]) == (tokens, learnt))
        #expect(example.promptTokensCut == promptCut && example.completionTokensCut == completionCut)
        #expect(example.sequences[0].tokenIDs.count <= length)
    }

    @Test func whatTheAssistantSaysIsLearnt() throws {
        let chat = Row.chat([
            .init(role: "system", content: "S"), .init(role: "user", content: "hi"),
            .init(role: "assistant", content: "yo"),
            .init(role: "user", content: "bye"), .init(role: "assistant", content: "ok"),
        ])
        let text = ["system\nS", "user\nhi", "assistant\nyo", "user\nbye", "assistant\nok"]
            .map { "<|im_start|>\($0)<|im_end|>\n" }.joined()
        let learnt = "yo<|im_end|>ok<|im_end|>"
        #expect(try spelled(builder(999).example(of: chat, id: 0).sequences[0]) == (text, learnt))
        let whole = try spelled(builder(999, all: true).example(of: chat, id: 0).sequences[0])
        #expect(whole == (text, String(text.dropFirst())))
        let cut = try builder(120).example(of: chat, id: 0)
        #expect(spelled(cut.sequences[0]) == (String(text.suffix(120)), learnt))
        #expect(cut.promptTokensCut == text.utf8.count - 120)
        let plain = try builder(99, bos: true, template: "plain").example(of: chat, id: 0)
        #expect(
            spelled(plain.sequences[0])
                == ("^^System: S\nUser: hi\nAssistant: yo$\nUser: bye\nAssistant: ok$\n", " yo$ ok$"))
    }

    @Test func aChatThatTheTemplateRefusesIsFoundBeforeItsTurn() throws {
        let folder = try TemporaryFolder()
        let good = #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#
        let bad = #"{"messages": [{"role": "assistant", "content": "b"}, {"role": "user", "content": "a"}]}"#
        let rows = (0..<500).map { $0 == 470 ? bad : good }.joined(separator: "\n")
        let dataset = try Dataset(paths: [folder.write(rows)])
        try builder(64, template: "chatml").checkChats(of: dataset)
        let error = #expect(throws: DatasetError.self) {
            try builder(64, template: "mistral").checkChats(of: dataset)
        }
        #expect(error?.code == .tokenization && error?.context.line == 471)
        let texts = try Dataset(paths: [folder.write(#"{"text": "a"}"#, name: "text.jsonl")])
        try builder(64, template: "mistral").checkChats(of: texts)
    }

    @Test func onlyTheCompletionOfAChatPromptIsLearnt() throws {
        let row = Row.chatCompletion(
            prompt: [
                .init(role: "user", content: "a"), .init(role: "assistant", content: "b"),
                .init(role: "user", content: "c"),
            ],
            completion: [.init(role: "assistant", content: "d")])
        let example = try builder(99, template: "plain").example(of: row, id: 0)
        #expect(spelled(example.sequences[0]) == ("User: a\nAssistant: b$\nUser: c\nAssistant: d$\n", " d$"))
        let all = try builder(99, all: true, template: "plain").example(of: row, id: 0)
        #expect(spelled(all.sequences[0]).learnt == "Assistant: d$\n")
        let withoutPrompt = Row.chatCompletion(
            prompt: [], completion: [.init(role: "assistant", content: "d")])
        #expect(
            try spelled(builder(99, template: "plain").example(of: withoutPrompt, id: 0).sequences[0])
                == ("Assistant: d$\n", " d$"))
    }

    @Test(arguments: 2...12, [0, 1, 2, 3, 5, 10, 11, 12, 40])
    func aLongTextIsSplitSoThatEachTokenIsLearntOnce(length: Int, count: Int) throws {
        let text = String("abcdefghijklmnopqrstuvwxyz0123456789ABCD".prefix(count))
        guard count > 0 else {
            #expect(throws: DatasetError.self) { _ = try builder(length).example(of: .text(text), id: 0) }
            return
        }
        let example = try builder(length).example(of: .text(text), id: 0)
        let spellings = example.sequences.map(spelled)
        #expect(spellings.map(\.learnt).joined() == (text + "$").dropFirst())
        for (sequence, spelling) in zip(example.sequences, spellings) {
            let whole = text + "$"
            #expect(whole.dropFirst(Int(sequence.exampleOffset)).hasPrefix(spelling.tokens))
            #expect(sequence.tokenIDs.count <= length && sequence.supervisedTokenCount > 0)
        }
        #expect(example.promptTokensCut == 0 && example.completionTokensCut == 0)
    }

    @Test func rowsThatCannotBeBuiltAreRefused() throws {
        func code(_ builder: SequenceBuilder, _ row: Row) -> DatasetError.Code? {
            do { _ = try builder.example(of: row, id: 0) } catch { return error.code }
            return nil
        }
        #expect(try code(builder(9), .labelled(text: "a", label: "b")) == .unsupported)
        #expect(try code(builder(9), .text("\u{7}")) == .tokenization)
        #expect(
            try code(builder(9, template: "mistral"), .chat([.init(role: "martian", content: "a")]))
                == .tokenization)
        #expect(try code(builder(9), .chat([.init(role: "user", content: "a")])) == .noSupervision)
        #expect(
            code(
                SequenceBuilder(tokenizer: ByteTokenizer(), maxSequenceLength: 9),
                .chat([.init(role: "assistant", content: "a")])) == .tokenization)
        #expect(
            code(SequenceBuilder(tokenizer: ByteTokenizer(eosTokenID: nil), maxSequenceLength: 9), .text("a"))
                == .tokenization)
    }

    @Test func aRowThatCannotBeBuiltIsNamedWithFileAndLine() throws {
        let folder = try TemporaryFolder()
        let dataset = try Dataset(paths: [
            try folder.write("{\"text\": \"ab\"}\n\n{\"text\": \"a\\u0007\"}\n")
        ])
        #expect(try builder(9).example(0, of: dataset).tokenCount == 3)
        let error = try #require(throws: DatasetError.self) { _ = try builder(9).example(1, of: dataset) }
        #expect(error.description.hasSuffix("rows.jsonl:3: no bells"))
    }
}
