import Checkpoints
import Configurations
import DurableFiles
import Foundation
public import Logging
import Optimizers
import Synchronization
import Telemetry
public import Tensors
import Transformers
public import WireProtocol

/// A step of a run computed once more, for `shoal prove`: hands out the work of the steps from the newest checkpoint
/// before it, as ``TrainingRun`` does, and compares what comes back with what the run wrote down. It writes nothing.
public final class StepProof: RunDriver {
    /// What was proven.
    public struct Result: Sendable, Equatable, Encodable {
        /// The step.
        public var step: Int
        /// The step of the checkpoint it was computed from; 0 is the beginning.
        public var fromStep: Int
        /// Workers that computed it.
        public var workerCount: Int
        public var gradientDigest: String
        public var stateDigest: String
        /// Where the run wrote the state's digest down: the ledger's next line, or a checkpoint; nil for the newest step
        /// of a run that has neither.
        public var stateComparedWith: String?

        private enum CodingKeys: String, CodingKey {
            case step
            case fromStep = "from_step"
            case workerCount = "workers"
            case gradientDigest = "gradient_digest"
            case stateDigest = "state_digest"
            case stateComparedWith = "state_compared_with"
        }
    }

    public let setup: RunSetup
    public let runID = UInt64.random(in: 1 ... .max)
    public let term: UInt64 = 1
    public var parameterCount: Int { setup.trainee.layout.count }
    public var vocabularyCount: Int { setup.base.configuration.vocabularySize }
    /// The step to prove.
    public let step: Int
    /// The step it is computed from.
    public var fromStep: Int { start.step }

    private let entries: [LedgerEntry]
    private let metrics: [Int: StepRecord]
    private let start: RunStart
    /// Where the digest of the state after ``step`` stands.
    private let after: (digest: Digest, place: String)?
    private let display: ProgressDisplay?
    private let logger: Logger
    private let outcome = Mutex<Result?>(nil)

    /// Reads the run and checks all that can be checked without computing: the ledger's chain, the files of the
    /// checkpoint, base, tokenizer, data and configuration, the examples of the steps.
    ///
    /// - Parameters:
    ///   - path: RUN; its lock is not taken, so a run under way can be looked at.
    ///   - step: nil takes the newest committed step.
    /// - Throws: `CheckpointError` or ``TrainingError`` that names the file, line, key or step; errors of ``RunSetup``.
    public init(path: String, step wanted: Int?, logger: Logger, showsProgress: Bool) async throws {
        _ = try RunDirectory.readRunID(path)
        entries = try Ledger.read(path + "/ledger.jsonl")
        let step = wanted ?? entries.count
        guard step >= 1, step <= entries.count else {
            throw TrainingError(
                .runMismatch,
                entries.isEmpty
                    ? "\(path): no step is committed yet, so there is none to prove"
                    : "\(path): step \(step) is not committed; give --step 1 to \(entries.count)")
        }
        self.step = step
        let configuration = try ConfigurationLoader().load(path: path + "/config.yaml")
        setup = try await RunSetup(configuration, logger: logger)
        let records: [StepRecord] = try StepLog<StepRecord>.read(path + "/metrics.jsonl")
        metrics = Dictionary(records.map { ($0.step, $0) }, uniquingKeysWith: { first, _ in first })
        self.logger = logger
        display = showsProgress ? ProgressDisplay(totalSteps: step) : nil

        let store = CheckpointStore(
            directory: path + "/checkpoints", shoalVersion: ShoalVersion.current,
            weightsFileName: configuration.method.weightsFileName)
        let checkpoints = try store.all()
        let identity = try setup.identity()
        // Any checkpoint tells what the run was made of, also where none is old enough to begin from.
        if let any = checkpoints.last(where: { $0.step < step }) ?? checkpoints.first {
            let manifest = try CheckpointManifest.verified(in: any.path)
            let differences = identity.differences(from: manifest.identity)
            guard differences.isEmpty else {
                throw TrainingError(
                    .replayDiffers,
                    "step \(step) cannot be proven: \(any.path) was written with "
                        + differences.joined(separator: "; ")
                        + "; the step's examples are \(Self.named(entries[step - 1].exampleIDs))")
            }
        }
        if let newest = checkpoints.last(where: { $0.step < step }) {
            let checkpoint = try store.load(newest.path, layout: setup.trainee.layout)
            let line = entries[checkpoint.state.step]
            guard
                line.stateDigestBefore ?? checkpoint.trainerState.stateDigest
                    == checkpoint.trainerState.stateDigest,
                checkpoint.state.step == 0 || checkpoint.trainerState.ledgerHead == line.previous
            else {
                throw TrainingError(
                    .replayDiffers,
                    "\(newest.path): holds another state than the one that step \(line.step) of the ledger began "
                        + "with; one of the two was changed")
            }
            start = RunStart(checkpoint.state) { [setup, path = newest.path] in
                try store.load(path, layout: setup.trainee.layout).state
            }
        } else {
            start = RunStart(try setup.initialState(allowsDifferentBase: true, logger: logger)) {
                [setup, logger] in
                try setup.initialState(allowsDifferentBase: true, logger: logger)
            }
        }
        if step < entries.count, let digest = entries[step].stateDigestBefore {
            after = (digest, "the ledger's line of step \(step + 1)")
        } else if let checkpoint = checkpoints.first(where: { $0.step == step }) {
            let loaded = try store.load(checkpoint.path, layout: setup.trainee.layout)
            after = (loaded.trainerState.stateDigest, checkpoint.path)
        } else {
            after = nil
        }
    }

    /// Ends the progress line.
    public func finishProgress() { display?.finish() }

    /// What was proven, once the run of the steps has completed.
    public var result: Result? { outcome.withLock { $0 } }

    public func initialState() throws -> StateSnapshot { StateSnapshot(try start.take()) }

    /// A proof computes every step itself.
    public func resume(atStep step: UInt64, stateDigest: [UInt8], gradientNorm: Double) throws -> AfterStep? {
        nil
    }

    public func work(forStep step: UInt64) throws -> StepWork? {
        guard step >= 1, step <= UInt64(self.step) else { return nil }
        let entry = entries[Int(step) - 1]
        guard var work = try setup.work(forStep: step, committedLearningRate: entry.learningRate) else {
            return nil
        }
        if step == UInt64(self.step) { work.digestsState = true }
        guard entry.exampleIDs == work.exampleIDs else {
            throw TrainingError(
                .replayDiffers,
                "step \(step): the ledger has the examples \(Self.named(entry.exampleIDs)), the sampler deals "
                    + "\(Self.named(work.exampleIDs)); the ledger, or the rows, were changed")
        }
        return work
    }

    public func willCommit(_ record: CommitRecord, work: StepWork) throws {
        let entry = entries[Int(record.step) - 1]
        if let before = entry.stateDigestBefore, !record.stateDigestBefore.isEmpty {
            try require(
                "state before it", before.bytes, record.stateDigestBefore, "the ledger", step: record.step)
        }
        try require(
            "reduced gradient", entry.gradientDigest.bytes, record.gradientDigest, "the ledger",
            step: record.step)
    }

    public func didFinishStep(_ outcome: StepOutcome, work: StepWork) throws -> AfterStep {
        let record = StepRecord(outcome, work: work)
        display?.show(record)
        if let recorded = metrics[record.step], recorded.loss != record.loss, !recorded.loss.isNaN {
            throw TrainingError(
                .replayDiffers,
                "step \(record.step): the loss is \(record.loss), metrics.jsonl says \(recorded.loss)")
        }
        guard record.step == step else { return AfterStep() }
        if let after {
            try require(
                "state after it", after.digest.bytes, outcome.stateDigest, after.place, step: outcome.step)
        }
        self.outcome.withLock {
            $0 = Result(
                step: step, fromStep: start.step, workerCount: outcome.workerCount,
                gradientDigest: record.gradientDigest,
                stateDigest: Digest(bytes: outcome.stateDigest)?.hex ?? "", stateComparedWith: after?.place)
        }
        return AfterStep(finish: true)
    }

    private func require(
        _ what: String, _ recorded: [UInt8], _ found: [UInt8], _ place: String, step: UInt64
    ) throws {
        guard recorded != found else { return }
        func text(_ bytes: [UInt8]) -> String { "\((Digest(bytes: bytes)?.hex ?? "none").prefix(12))…" }
        throw TrainingError(
            .replayDiffers,
            "step \(step): the \(what) has the digest \(text(found)) here, \(text(recorded)) in \(place); its "
                + "examples are \(Self.named(entries[Int(step) - 1].exampleIDs)). Where no file was changed, compare "
                + "BLAS, core and kernels with those of the run (shoal --version)")
    }

    /// Ids for a message, not too many.
    private static func named(_ ids: [UInt32]) -> String {
        ids.prefix(32).map(String.init).joined(separator: ", ") + (ids.count > 32 ? ", …" : "")
    }

    /// A proof evaluates nothing.
    public func evaluationWork() throws -> [MicroBatch] { [] }

    /// As ``evaluationWork()``.
    public func didEvaluate(step: UInt64, scores: [[Evaluated.Score]]) throws -> AfterStep { AfterStep() }

    /// As ``saveCheckpoint(_:)``.
    public func willSaveCheckpoint(step: UInt64) throws {}

    /// A proof writes nothing.
    public func saveCheckpoint(_ snapshot: StateSnapshot) throws {}

    public func record(event: String, details: [String: String]) {
        logger.debug("\(event)", metadata: details.mapValues { .string($0) })
    }
}
