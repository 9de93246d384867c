/// Why an optimizer could not be set up or a step not be taken.
public struct OptimizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, for callers that react to it.
    public enum Code: String, Sendable, Equatable {
        /// A knob is outside its range.
        case invalidConfiguration
        /// A gradient holds NaN or an infinity.
        case nonFinite
        /// The step has no supervised token, so there is nothing to divide by.
        case noSupervisedTokens
    }

    public let code: Code
    /// What happened, what was expected, and what to do next.
    public let message: String
    /// The knob or the tensor.
    public let context: String

    public init(code: Code, message: String, context: String) {
        self.code = code
        self.message = message
        self.context = context
    }

    public var description: String { message }
}
