/// Why a tokenizer could not be loaded or used, or a chat template not be applied.
public struct TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, for callers that react to it.
    public enum Code: String, Sendable, Equatable {
        /// A file is missing or cannot be read.
        case unreadableFile
        /// A file is not what its format says: bad JSON, a missing key, an id out of range.
        case malformed
        /// The file asks for something this library does not do; the message names it.
        case unsupported
        /// A text is longer than 32-bit positions can address.
        case textTooLarge
        /// The tokenizer's pattern exceeded the matcher's limits on this text.
        case patternFailed
        /// The base has no chat template, or one that is not recognised.
        case unknownChatTemplate
        /// Messages the chat template does not accept: a role it does not know, or the wrong order.
        case invalidMessages
        /// Input of `shoal tokenize` that is not a line of ids in the vocabulary.
        case invalidInput
    }

    public let code: Code
    /// What happened, what was expected, and what to do next.
    public let message: String
    /// The file, the key in it, or the line the error is about; empty when there is none.
    public let context: String

    public init(code: Code, message: String, context: String = "") {
        self.code = code
        self.message = message
        self.context = context
    }

    public var description: String { context.isEmpty ? message : "\(context): \(message)" }
}
