/// What kept a lab from being made or used.
public struct LabError: Error, Equatable, CustomStringConvertible {
    /// What went wrong, for programs.
    public enum Code: Sendable, Equatable {
        /// Network namespaces need root.
        case notRoot
        /// `ip` or `tc` is not installed, or the kernel allows no namespaces.
        case unavailable
        /// A name, a count or a rate that no lab can have.
        case invalid
        /// There is such a lab already, or none.
        case presence
        /// `ip` or `tc` refused.
        case refused
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
