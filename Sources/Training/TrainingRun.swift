import Adapters
import Checkpoints
import Configurations
import Datasets
import DurableFiles
import FaultPoints
import Foundation
import Logging
import Optimizers
import Synchronization
import Telemetry
import Tensors
import Transformers
import WireProtocol

/// One run in its directory: hands out the work of each step, writes down what became of it, keeps checkpoints,
/// and publishes the result. The coordinator calls it; it knows nothing of workers.
public final class TrainingRun: RunDriver {
    public let setup: RunSetup
    /// This life of the coordinator.
    public let term: UInt64
    public var runID: UInt64 { directory.runID }
    /// RUN
    public var path: String { directory.path }
    public var parameterCount: Int { setup.trainee.layout.count }
    public var vocabularyCount: Int { setup.base.configuration.vocabularySize }
    /// The step that training goes on from; 0 for a new run.
    public let firstStep: Int

    let directory: RunDirectory
    let store: CheckpointStore
    let identity: RunIdentity
    let provenance: AdapterProvenance
    let ledger: Ledger
    let metrics: StepLog<StepRecord>
    let evaluations: StepLog<EvaluationRecord>
    let events: RecordLog<EventRecord>
    let tensorBoard: TensorBoardLog?
    let logger: Logger
    let display: ProgressDisplay?
    /// What changes from step to step. The coordinator makes one call at a time, on whatever thread.
    let progress: Mutex<RunProgress>
    private let start: RunStart
    private let startState: TrainerState

    init(
        setup: RunSetup, directory: RunDirectory, store: CheckpointStore, identity: RunIdentity,
        provenance: AdapterProvenance, record: (ledger: Ledger, term: UInt64), start: RunStart,
        trainerState: TrainerState?, logger: Logger, display: ProgressDisplay?
    ) throws {
        self.setup = setup
        self.directory = directory
        self.store = store
        self.identity = identity
        self.provenance = provenance
        self.start = start
        self.logger = logger
        self.display = display
        firstStep = start.step
        ledger = record.ledger
        term = record.term
        metrics = try StepLog(path: directory.metricsPath, keepingStepsThrough: ledger.lastStep)
        evaluations = try StepLog(path: directory.evaluationsPath, keepingStepsThrough: ledger.lastStep)
        events = try RecordLog(path: directory.eventsPath)
        tensorBoard =
            setup.configuration.telemetry.tensorBoard
            ? try TensorBoardLog(directory: directory.path + "/tensorboard") : nil
        try events.append(
            EventRecord(event: "started", step: ledger.lastStep, details: ["term": "\(term)"]))
        startState =
            try trainerState
            ?? TrainerState(
                step: 0, epoch: 0, seed: setup.configuration.training.seed, tokenCount: 0,
                stateDigest: start.digest(), ledgerHead: LedgerEntry.noLine)
        progress = Mutex(RunProgress(state: startState))
    }

    public func initialState() throws -> StateSnapshot {
        // Asked again when no worker holds the state any more: then the checkpoints of this life count, too.
        let newest =
            progress.withLock { $0.state.step } > start.step
            ? try store.newestValid(layout: setup.trainee.layout).checkpoint : nil
        progress.withLock { $0 = RunProgress(state: newest?.trainerState ?? startState) }
        return StateSnapshot(try newest?.state ?? start.take())
    }

    public func work(forStep step: UInt64) throws -> StepWork? {
        if progress.withLock({ $0.state.stoppedEarly }) { return nil }
        // A step that is replayed keeps its rate, also where the run has become longer since.
        return try setup.work(
            forStep: step, committedLearningRate: ledger.entry(step: Int(clamping: step))?.learningRate)
    }

    public func willCommit(_ record: CommitRecord, work: StepWork) throws {
        let stateDigest = Digest(bytes: record.stateDigestBefore)
        guard let gradientDigest = Digest(bytes: record.gradientDigest),
            stateDigest != nil || record.stateDigestBefore.isEmpty
        else {
            throw TrainingError(
                .cannotCompute, "step \(record.step): a worker sent a digest that has not 32 bytes")
        }
        try FaultPoint.beforeLedger.pass(writing: ledger.path)
        try directory.requireNewest(term: term)
        do {
            _ = try ledger.record(
                step: Int(record.step), term: term, generation: record.generation,
                learningRate: work.learningRate, exampleIDs: work.exampleIDs,
                leafWorkers: record.leafWorkers, gradientDigest: gradientDigest,
                stateDigestBefore: stateDigest, lossSum: record.lossSum, wasSkipped: record.wasSkipped)
        } catch let error as CheckpointError
            where error.code == .differentReplay && setup.configuration.cluster.numerics == .relaxed
            && ledger.entry(step: Int(record.step))?.exampleIDs == work.exampleIDs
        {
            // Same examples; the ledger keeps the bits of the first time.
            self.record(event: "warning", details: ["message": error.message])
        }
        FaultPoint.afterLedger.pass()
    }

    public func didFinishStep(_ outcome: StepOutcome, work: StepWork) throws -> AfterStep {
        let record = StepRecord(outcome, work: work)
        try FaultPoint.metrics.pass(writing: directory.metricsPath)
        try directory.requireNewest(term: term)
        try metrics.append(record)
        chart { try $0.append(record) }
        display?.show(record, remarks: outcome.remarks)
        let step = Int(outcome.step)
        guard let line = ledger.entry(step: step) else {
            throw TrainingError(.cannotCompute, "step \(step) was applied and is not in the ledger")
        }
        let lineDigest = Digest.sha256(line.jsonLine)
        return progress.withLock { progress in
            progress.state.step = step
            progress.state.epoch = work.epoch
            progress.state.tokenCount += Int(work.tokenCount)
            progress.stateDigest = Digest(bytes: outcome.stateDigest)
            progress.state.ledgerHead = lineDigest
            return agenda(after: step, &progress)
        }
    }

    public func willSaveCheckpoint(step: UInt64) throws {
        progress.withLock { progress in
            guard progress.state.step == Int(step) else { return }
            progress.saving[Int(step)] = (progress.state, progress.stateDigest)
        }
    }

    public func saveCheckpoint(_ snapshot: StateSnapshot) throws {
        var (trainerState, reported) = progress.withLock { progress in
            let noted = progress.saving[Int(snapshot.step)] ?? (progress.state, progress.stateDigest)
            progress.saving = progress.saving.filter { $0.key > Int(snapshot.step) }
            return noted
        }
        let state = TrainingState(
            step: Int(snapshot.step), parameters: snapshot.parameters, firstMoments: snapshot.firstMoments,
            secondMoments: snapshot.secondMoments)
        trainerState.stateDigest = state.digest()
        guard state.step == trainerState.step, reported == nil || reported == trainerState.stateDigest else {
            throw TrainingError(
                .replayDiffers,
                "the snapshot of step \(state.step) is not the state that the workers reported after step "
                    + "\(trainerState.step); nothing was written")
        }
        try directory.requireNewest(term: term)
        try store.save(
            state, layout: setup.trainee.layout, trainerState: trainerState, identity: identity
        ) { directory in
            try setup.trainee.writeTrained(state.parameters, provenance: provenance, to: directory)
        }
        try store.prune(
            keeping: setup.configuration.checkpoint.keep, bestStep: progress.withLock { $0.state.bestStep })
    }

    public func record(event: String, details: [String: String]) {
        let step = progress.withLock { $0.state.step }
        let metadata = details.mapValues { Logger.MetadataValue.string($0) }
        logger.log(
            level: Self.quietEvents.contains(event) ? .debug : .info,
            "\(Self.workerEvents.contains(event) ? "worker " : "")\(event.replacing("-", with: " "))",
            metadata: metadata)
        do {
            // What another coordinator of this run appends is not to be written over.
            guard try directory.isNewest(term: term) else { return }
            try events.append(EventRecord(event: event, step: step, details: details))
        } catch {
            logger.warning("an event could not be written", metadata: ["error": "\(error)"])
        }
    }

    /// Writes to the TensorBoard file, where there is one; a chart is no reason to stop training.
    func chart(_ write: (TensorBoardLog) throws -> Void) {
        guard let tensorBoard else { return }
        do { try write(tensorBoard) } catch {
            logger.warning("TensorBoard's file could not be written", metadata: ["error": "\(error)"])
        }
    }

    /// Events whose name leaves out whom they are about.
    private static let workerEvents: Set<String> = ["registered", "joined", "lost", "refused", "left"]

    /// Events that happen all the time in a healthy run.
    private static let quietEvents: Set<String> = ["checkpoint", "registered"]
}

/// What a run remembers between two calls of the coordinator.
struct RunProgress {
    /// Its digest of the state is set when a checkpoint is written.
    var state: TrainerState
    /// What the workers reported after the last step; nil where they did without.
    var stateDigest: Digest?
    /// What is still to be done behind the last step.
    var pending = AfterStep()
    /// What belongs to states that are being fetched, by step.
    var saving: [Int: (state: TrainerState, digest: Digest?)] = [:]
    /// The evaluation under way.
    var chunk: EvaluationChunk?
    var evaluationStart: ContinuousClock.Instant?

    init(state: TrainerState) { self.state = state }
}

extension StepRecord {
    /// The metrics line of a step.
    init(_ outcome: StepOutcome, work: StepWork) {
        self.init(
            step: Int(outcome.step), epoch: work.epoch,
            loss: outcome.lossSum / Double(max(1, outcome.supervisedTokenCount)),
            gradientNorm: outcome.gradientNorm, learningRate: Double(work.learningRate),
            tokenCount: Int(work.tokenCount), supervisedTokenCount: Int(outcome.supervisedTokenCount),
            tokensPerSecond: outcome.stepSeconds > 0 ? Double(work.tokenCount) / outcome.stepSeconds : 0,
            stepSeconds: outcome.stepSeconds, computeSeconds: outcome.computeSeconds,
            reduceSeconds: outcome.reduceSeconds, exposedReduceSeconds: outcome.exposedReduceSeconds,
            wireBytesSent: outcome.wireBytesSent, wireBytesReceived: outcome.wireBytesReceived,
            workerCount: outcome.workerCount, generation: outcome.generation,
            peakResidentBytes: outcome.peakResidentBytes,
            gradientDigest: outcome.gradientDigest.map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined(), messagesDropped: outcome.messagesDropped,
            connectionsRefused: outcome.connectionsRefused)
    }
}
