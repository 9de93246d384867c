/// What is wrong with a model's configuration, or with what a model was given to compute.
public struct TransformerError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        /// config.json cannot be read or lacks something.
        case invalidConfiguration
        /// config.json asks for something this program does not compute.
        case unsupportedConfiguration
        /// A weight is missing or has another shape.
        case invalidWeights
        /// A module or tensor is to be trained that the model does not have.
        case unknownModule
        /// Token ids, targets or sequences that do not fit together or with the model.
        case invalidBatch
        /// A sequence is longer than the model can attend over.
        case sequenceTooLong
    }

    public var code: Code
    /// What is wrong, expected against found, and what to do.
    public var message: String
    /// The key, tensor, module or sequence it is about.
    public var context: String

    public init(_ code: Code, _ message: String, context: String = "") {
        self.code = code
        self.message = message
        self.context = context
    }

    public var description: String { message }
}
