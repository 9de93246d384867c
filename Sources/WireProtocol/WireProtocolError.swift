/// A message that cannot be understood; it is dropped and counted, the run goes on.
public struct WireProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// Bytes that are no message, or lengths and counts that contradict one another.
        case malformed
        /// The other side speaks another version.
        case version
        /// Larger than the limits allow; nothing was allocated for it.
        case tooLarge
        /// The payload is not what its checksum says.
        case checksum
    }
    public var code: Code
    /// What was found, and what was expected.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
