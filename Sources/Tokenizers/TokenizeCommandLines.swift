/// What `shoal tokenize` does with its input, apart from reading and printing.
public enum TokenizeCommandLines {
    /// A line of ids (`504 3575 282`) for a line of text, without the line's end.
    ///
    /// - Parameter text: bytes that should be UTF-8; invalid ones become U+FFFD.
    /// - Throws: ``TokenizerError`` as ``Tokenizer/encode(bytes:addSpecialTokens:)`` does.
    public static func encode(
        line text: [UInt8], with tokenizer: any Tokenizer, addSpecialTokens: Bool = true
    ) throws(TokenizerError) -> String {
        try tokenizer.encode(bytes: text, addSpecialTokens: addSpecialTokens).map(String.init).joined(
            separator: " ")
    }

    /// The text of a line of ids; ids may be separated by white space or commas, and stand in brackets.
    ///
    /// The text may have line breaks of its own.
    ///
    /// - Parameter number: the line's number, from 1, for messages.
    /// - Throws: ``TokenizerError`` with code `.invalidInput`, naming the line and the word that is no id.
    public static func decode(
        line: [UInt8], number: Int, with tokenizer: any Tokenizer, skipSpecialTokens: Bool = false
    ) throws(TokenizerError) -> String {
        var ids: [Int32] = []
        for word in line.split(whereSeparator: { " \t\r\n,[]".utf8.contains($0) }) {
            let text = String(decoding: word, as: UTF8.self)
            guard let id = Int32(text) else {
                throw TokenizerError(
                    code: .invalidInput,
                    message:
                        "line \(number): \"\(text.prefix(40))\" is no token id; expected whole numbers with spaces "
                        + "between",
                    context: "stdin")
            }
            guard tokenizer.token(ofID: id) != nil else {
                throw TokenizerError(
                    code: .invalidInput,
                    message:
                        "line \(number): the id \(id) is not in the vocabulary of \(tokenizer.vocabularyCount)",
                    context: "stdin")
            }
            ids.append(id)
        }
        return tokenizer.decode(ids, skipSpecialTokens: skipSpecialTokens)
    }

    /// All output for all input.
    ///
    /// - Parameters:
    ///   - input: the bytes of standard input.
    ///   - decodes: whether lines are ids to be turned into text.
    ///   - isWhole: whether the input is one text (or one sequence of ids) instead of lines. A text's bytes are all
    ///     encoded, a final line break among them; decoded text gets no line break after it.
    /// - Throws: ``TokenizerError`` for a line that cannot be encoded or decoded.
    public static func run(
        _ input: [UInt8], decodes: Bool, isWhole: Bool, with tokenizer: any Tokenizer
    ) throws(TokenizerError) -> String {
        if isWhole {
            return decodes
                ? try decode(line: input, number: 1, with: tokenizer)
                : try encode(line: input, with: tokenizer) + "\n"
        }
        var output = ""
        for (index, line) in lines(of: input).enumerated() {
            output +=
                decodes
                ? try decode(line: Array(line), number: index + 1, with: tokenizer)
                : try encode(line: Array(line), with: tokenizer)
            output += "\n"
        }
        return output
    }

    /// The lines of `input`, without their ends (`\n` or `\r\n`). A last line needs none.
    public static func lines(of input: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
    }
}
