public import DurableFiles

/// A place in a coordinator or worker at which a test can have the process die, stop, or meet a full disk.
///
/// ``Fault`` says which one, by `SHOAL_FAULT`; without that, passing a point does nothing. `docs/faults.md` has a line
/// for each.
public enum FaultPoint: String, CaseIterable, Sendable {
    // In a worker.
    case compute
    case reduceScatter = "reduce-scatter"
    case allGather = "all-gather"
    case prepared
    case commitReceived = "commit-received"
    case applied
    case stateReceived = "state-received"
    case snapshotSent = "snapshot-sent"
    case baseChunk = "base-chunk"
    // In a coordinator.
    case termRaised = "term-raised"
    case stateSent = "state-sent"
    case beforeLedger = "before-ledger"
    case afterLedger = "after-ledger"
    case afterCommitSent = "after-commit-sent"
    case appliedReceived = "applied-received"
    case metrics
    case snapshotReceived = "snapshot-received"
    case checkpointFiles = "checkpoint-files"
    case checkpointManifest = "checkpoint-manifest"
    case checkpointPublished = "checkpoint-published"
    case adapter

    /// When it is passed.
    public var summary: String {
        switch self {
        case .compute: "a worker has computed a micro-batch and told nobody"
        case .reduceScatter: "a worker is about to send a partial sum to the owner of its chunk"
        case .allGather: "a worker is about to send a reduced chunk to another worker"
        case .prepared: "a worker holds the whole reduced gradient and has not said so"
        case .commitReceived: "a worker has Commit and has not begun the optimizer"
        case .applied: "a worker has applied the step and has not said so"
        case .stateReceived: "a newcomer has a piece of the state"
        case .snapshotSent: "a worker is about to send a piece of its state to the coordinator"
        case .baseChunk: "a worker has written a chunk of the base that it fetches"
        case .termRaised: "the coordinator has raised the term and done nothing else"
        case .stateSent: "the coordinator is about to send a piece of the state to a newcomer"
        case .beforeLedger: "all workers are prepared, the step's line is not in the ledger"
        case .afterLedger: "the step's line is in the ledger, no Commit is sent"
        case .afterCommitSent: "Commit is on its way to all workers"
        case .appliedReceived: "one more worker says that it has applied the step"
        case .metrics: "all workers have applied the step, its metrics line is not written"
        case .snapshotReceived: "the coordinator has a piece of a worker's state"
        case .checkpointFiles: "a checkpoint's weights are written, its optimizer file is not"
        case .checkpointManifest: "a checkpoint's files are written, its manifest is not"
        case .checkpointPublished: "a checkpoint has its name, older ones are not removed"
        case .adapter: "the final adapter's files are written, it has not its name"
        }
    }

    /// Whether a file is about to be written, so that an error of the disk can be had.
    public var writesFile: Bool {
        switch self {
        case .beforeLedger, .metrics, .checkpointFiles, .checkpointManifest, .adapter: true
        default: false
        }
    }

    /// Dies, stops or ends the process if that is asked for here and now.
    public func pass() {
        guard let action = Fault.pass(self) else { return }
        action.perform()
    }

    /// As ``pass()``, in front of writing `path`.
    ///
    /// - Throws: the error of the disk that is asked for, as if the operating system had given it.
    public func pass(writing path: String) throws(DurableFileError) {
        guard let action = Fault.pass(self) else { return }
        if case .fail(let disk) = action {
            throw DurableFileError(errorNumber: disk.number, action: "write", path: path)
        }
        action.perform()
    }
}
