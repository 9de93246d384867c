/// Why an adapter could not be described, placed on a model, read or written.
public struct AdapterError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, for callers that react to it.
    public enum Code: String, Sendable, Equatable {
        /// A value is malformed or outside its range.
        case invalidConfiguration
        /// The configuration asks for something this program does not do.
        case unsupported
        /// A target, layer or pattern matches no module.
        case noMatch
        /// The directory holds no PEFT adapter.
        case missingFile
        /// The file's tensors are not those the configuration places on this base.
        case differentTensors
        /// The adapter was trained on another base.
        case differentBase
    }

    public let code: Code
    /// What happened, what was expected, and what to do next.
    public let message: String
    /// The key, module, tensor or file.
    public let context: String

    public init(code: Code, message: String, context: String) {
        self.code = code
        self.message = message
        self.context = context
    }

    public var description: String { message }
}
