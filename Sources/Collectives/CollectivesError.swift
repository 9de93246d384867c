/// A chunk that does not belong to the reduction it was sent into; it is dropped and the sender named.
public struct CollectivesError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// The sender does not take part, or does not own the node or chunk.
        case unexpected
        /// Another number of elements than the chunk has.
        case wrongLength
        /// The plan contradicts itself or the gradient.
        case badPlan
    }
    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
