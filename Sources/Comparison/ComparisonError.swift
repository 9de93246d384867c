/// What a comparison cannot be made of.
public struct ComparisonError: Error, Equatable, CustomStringConvertible {
    /// What went wrong, for programs.
    public enum Code: Sendable, Equatable {
        /// A flag's value.
        case usage
        /// The configuration, or what a folder holds.
        case badData
    }

    public let code: Code
    /// What went wrong and what to do about it.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
