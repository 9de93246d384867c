/// Why rows could not be read or turned into sequences.
public struct DatasetError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Equatable {
        /// A file is missing, cannot be read, or cannot be unpacked.
        case unreadableFile
        /// A file changed while it was used.
        case changed
        /// A line that is not a JSON object, or a value of the wrong type.
        case malformedRow
        /// A row of another shape than the file's first, or of none.
        case wrongShape
        /// A row that has nothing to learn from: no completion, no assistant, no label.
        case noSupervision
        /// A label that is not in the list, or a list that cannot be.
        case labels
        /// No rows at all, or none on one side of a split.
        case empty
        /// More rows than ids.
        case tooLarge
        /// Rows that this use has no meaning for.
        case unsupported
        /// The tokenizer or the chat template refused the row.
        case tokenization
    }

    /// What the error is about.
    public struct Context: Sendable, Equatable {
        /// The file.
        public var file: String?
        /// The line in it (of the unpacked text, for `.gz`), from 1.
        public var line: Int?

        public init(file: String? = nil, line: Int? = nil) {
            self.file = file
            self.line = line
        }
    }

    /// The kind of failure.
    public var code: Code
    /// What happened, what was expected, and what to do next.
    public var message: String
    /// What it is about.
    public var context: Context

    public init(code: Code, message: String, context: Context = Context()) {
        self.code = code
        self.message = message
        self.context = context
    }

    /// `file:line: message`
    public var description: String {
        guard let file = context.file else { return message }
        return context.line.map { "\(file):\($0): \(message)" } ?? "\(file): \(message)"
    }

    /// The exit status of a command that meets it: 74 for a file that cannot be read, else 65.
    public var exitStatus: Int32 { code == .unreadableFile || code == .changed ? 74 : 65 }

    func at(_ file: String, line: Int) -> DatasetError {
        DatasetError(code: code, message: message, context: Context(file: file, line: line))
    }
}
