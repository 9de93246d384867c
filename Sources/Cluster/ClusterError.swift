/// Something the cluster cannot go on from, with the exit status that fits.
public struct ClusterError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// Bytes of a state that do not fit together.
        case badState
        /// An address that cannot be bound or reached.
        case address
        /// Nobody answers, or not to these keys.
        case unreachable
        /// Options that contradict one another.
        case configuration
    }
    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
