public import ZeroMQ

/// A transport that cannot be set up, or whose thread is gone.
public struct TransportError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// An endpoint, key or option that cannot be used; `cause` tells.
        case socket
        /// The event loop has ended.
        case stopped
        /// No answer before the deadline.
        case timedOut
        /// Arguments that contradict one another.
        case configuration
    }
    public var code: Code
    /// What failed, why, and what to do next.
    public var message: String
    /// The socket's own error.
    public var cause: ZMQError?

    public init(_ code: Code, _ message: String, cause: ZMQError? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    init(_ cause: ZMQError) { self.init(.socket, cause.message, cause: cause) }

    public var description: String { message }
}
