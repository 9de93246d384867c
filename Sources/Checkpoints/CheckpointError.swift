/// Why a run, a checkpoint or a ledger could not be begun, read or continued.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, for callers that react to it.
    public enum Code: String, Sendable, Equatable {
        /// There is a run, or something else, where a new run should be.
        case exists
        /// There is no run where one should be resumed.
        case notARun
        /// A file says what no version of this program writes.
        case malformed
        /// Another version of this program wrote it, in a format this one does not read.
        case unsupportedVersion
        /// A checkpoint's manifest, or a file it lists, is missing or has other bytes.
        case invalidCheckpoint
        /// Base, tokenizer or data are not those of the run.
        case differentInputs
        /// The ledger's lines do not follow from one another.
        case brokenLedger
        /// A replayed step has another result than the ledger says.
        case differentReplay
        /// Another coordinator has taken the run over.
        case superseded
    }

    public let code: Code
    /// What happened, what was expected, and what to do next.
    public let message: String
    /// The file or directory.
    public let path: String

    public init(code: Code, message: String, path: String) {
        self.code = code
        self.message = message
        self.path = path
    }

    public var description: String { message }
}
