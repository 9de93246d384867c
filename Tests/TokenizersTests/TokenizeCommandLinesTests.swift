import Testing
import Tokenizers

@Suite struct TokenizeCommandLinesTests {
    private static func tokenizer() throws -> any Tokenizer {
        try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("gpt2.tokenizer.json"))
    }

    @Test("a line of text gives a line of ids, and back")
    func linesRoundTrip() throws {
        let tokenizer = try Self.tokenizer()
        let text = "The quick brown fox\n\n  jumps\tover\nthe lazy dog 日本"
        let ids = try TokenizeCommandLines.run(
            Array(text.utf8), decodes: false, isWhole: false, with: tokenizer)
        let lines = ids.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 5 && lines[1] == "" && lines[4] == "")
        let first = lines[0].split(separator: " ").compactMap { Int32($0) }
        #expect(try first == tokenizer.encode("The quick brown fox"))
        let decoded = try TokenizeCommandLines.run(
            Array(ids.utf8), decodes: true, isWhole: false, with: tokenizer)
        #expect(decoded == text + "\n")
    }

    @Test("the whole input is one text, its line breaks among it")
    func wholeRoundTrips() throws {
        let tokenizer = try Self.tokenizer()
        let text = "two\r\nlines\n"
        let ids = try TokenizeCommandLines.run(
            Array(text.utf8), decodes: false, isWhole: true, with: tokenizer)
        #expect(try ids.split(separator: " ").count == tokenizer.encode(text).count && ids.hasSuffix("\n"))
        let decoded = try TokenizeCommandLines.run(
            Array(ids.utf8), decodes: true, isWhole: true, with: tokenizer)
        #expect(Array(decoded.utf8) == Array(text.utf8))
    }

    @Test("ids may be written as a list")
    func listsOfIDs() throws {
        let tokenizer = try Self.tokenizer()
        let ids = try tokenizer.encode("over the lazy dog")
        let line = "[" + ids.map(String.init).joined(separator: ", ") + "]"
        #expect(
            try TokenizeCommandLines.decode(line: Array(line.utf8), number: 1, with: tokenizer)
                == "over the lazy dog")
    }

    @Test(
        "what is no id of the vocabulary is named with its line",
        arguments: ["1\n2 x\n", "5\n99999999999\n", "7\n-1\n", "7\n1200\n", "3\n1.5"])
    func wrongIDsAreNamed(input: String) throws {
        let tokenizer = try Self.tokenizer()
        let error = #expect(throws: TokenizerError.self) {
            try TokenizeCommandLines.run(Array(input.utf8), decodes: true, isWhole: false, with: tokenizer)
        }
        #expect(error?.code == .invalidInput && error?.message.contains("line 2") == true)
    }

    @Test("lines end with a line feed, which a carriage return may precede; bytes need not be UTF-8")
    func linesOfBytes() throws {
        #expect(
            TokenizeCommandLines.lines(of: Array("a\r\nb\n\nc".utf8)).map { Array($0) } == [
                [97], [98], [], [99],
            ])
        #expect(TokenizeCommandLines.lines(of: []).isEmpty)
        let tokenizer = try Self.tokenizer()
        #expect(
            try TokenizeCommandLines.encode(line: [0xFF], with: tokenizer)
                == TokenizeCommandLines.encode(line: Array("\u{FFFD}".utf8), with: tokenizer))
    }
}
