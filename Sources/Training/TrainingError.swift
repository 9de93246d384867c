/// Why a run cannot start or go on.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, Equatable {
        /// The tokenizer does not fit the model.
        case tokenizerMismatch
        /// The configuration asks for what this version does not do.
        case unsupported
        /// `partial` names no tensor of the base.
        case nothingTrained
        /// RUN and what was given for it contradict each other.
        case runMismatch
        /// A replayed step differs from what the ledger holds.
        case replayDiffers
        /// The base's own head is for other classes.
        case differentHead
        /// There are no rows to evaluate on.
        case noEvaluationRows
        /// The processes of this host need more memory than it has.
        case doesNotFit
        /// An adapter is named in a way that cannot be, or none is called so.
        case invalidAdapterReference
        /// A worker cannot compute what the coordinator asks for.
        case cannotCompute
    }
    public let code: Code
    /// What is wrong, expected against found, and what to do.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
