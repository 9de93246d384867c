import Adapters
import Bases
import Checkpoints
public import Configurations
import Datasets
import DurableFiles
import FaultPoints
import Foundation
public import Logging
import Optimizers
import Synchronization
import Telemetry
import Tensors

extension TrainingRun {
    /// Begins a run: every check first, then the directory.
    ///
    /// - Parameters:
    ///   - path: RUN, an empty or absent directory unless `overwrites`.
    ///   - allowsDifferentBase: accepts an `adapter.init_from` that records another base.
    /// - Throws: as ``RunSetup`` and `RunDirectory`; nothing is written before all checks have passed.
    public static func begin(
        _ configuration: RunConfiguration, at path: String, overwrites: Bool, allowsDifferentBase: Bool,
        logger: Logger
    ) async throws -> TrainingRun {
        let setup = try await RunSetup(configuration, logger: logger)
        try MemoryEstimate.requireFitOfCoordinator(setup)
        let (parameters, provenance) = try setup.trainee.initialParameters(
            setup.configuration, base: setup.base, allowsDifferentBase: allowsDifferentBase, logger: logger)
        let identity = try setup.identity()
        let directory = try RunDirectory.create(
            at: path, configuration: setup.configuration.resolvedYAML(), overwrite: overwrites,
            shoalVersion: ShoalVersion.current)
        return try TrainingRun(
            setup: setup, directory: directory,
            store: CheckpointStore(directory, method: setup.configuration.method), identity: identity,
            provenance: provenance, record: beginLife(in: directory),
            start: RunStart(TrainingState(initial: parameters)) {
                try setup.initialState(allowsDifferentBase: allowsDifferentBase, logger: logger)
            }, trainerState: nil, logger: logger,
            display: ProgressDisplay(totalSteps: setup.data.sampler.totalSteps))
    }

    /// Raises the run's term, first of all: what a coordinator that was replaced writes after this is not to be taken for
    /// the run's. Then reads the ledger.
    private static func beginLife(in directory: RunDirectory) throws -> (ledger: Ledger, term: UInt64) {
        let raised = try directory.raiseTerm()
        FaultPoint.termRaised.pass()
        let ledger = try Ledger(path: directory.ledgerPath)
        return (ledger, max(raised, ledger.lastTerm + 1))
    }

    /// Goes on with the run in `path` from its newest valid checkpoint.
    ///
    /// - Parameters:
    ///   - given: a configuration that replaces the run's; it may differ in the length of the run, `cluster`,
    ///     `checkpoint` and `evaluation`.
    ///   - overrides: applied to the run's configuration, or to `given`.
    /// - Throws: ``TrainingError`` with code `.runMismatch` that names the keys that may not differ; errors of
    ///   `RunDirectory`, `CheckpointStore` and ``RunSetup``.
    public static func resume(
        at path: String, given: RunConfiguration?, overrides: ConfigurationLoader, allowsDifferentBase: Bool,
        logger: Logger
    ) async throws -> TrainingRun {
        let directory = try RunDirectory.resume(at: path)
        let recorded = try ConfigurationLoader().load(path: directory.configurationPath)
        let configuration = try overrides.applyOverrides(to: given ?? recorded).adopting(recorded)
            .resolved()
        let differences = configuration.difference(from: recorded).filter { !$0.mayDifferOnResume }
        guard differences.isEmpty else {
            throw TrainingError(
                .runMismatch,
                "\(path): a resumed run keeps its configuration; these keys differ: "
                    + differences.map(\.description).joined(separator: "; ")
                    + ". Remove them, or begin a new run with --output")
        }
        let setup = try await RunSetup(configuration, logger: logger)
        try MemoryEstimate.requireFitOfCoordinator(setup)
        let identity = try setup.identity()
        let store = CheckpointStore(directory, method: configuration.method)
        let (checkpoint, invalid) = try store.newestValid(layout: setup.trainee.layout)
        for one in invalid {
            logger.warning("a checkpoint is not valid and is not used", metadata: ["reason": "\(one.reason)"])
        }
        if let checkpoint {
            try identity.require(equalTo: checkpoint.manifest.identity, path: checkpoint.path)
        }
        let (parameters, provenance) = try setup.trainee.initialParameters(
            setup.configuration, base: setup.base, allowsDifferentBase: allowsDifferentBase, logger: logger)
        let record = try beginLife(in: directory)
        let ledger = record.ledger
        guard setup.data.sampler.totalSteps >= ledger.lastStep else {
            throw TrainingError(
                .runMismatch,
                "\(path): the run has made \(ledger.lastStep) steps, the configuration ends it after "
                    + "\(setup.data.sampler.totalSteps); raise training.max_steps or training.num_train_epochs"
            )
        }
        if configuration != recorded {
            try AtomicFile.write(configuration.resolvedYAML(), to: directory.configurationPath)
        }
        let run = try TrainingRun(
            setup: setup, directory: directory, store: store, identity: identity, provenance: provenance,
            record: record,
            start: RunStart(checkpoint?.state ?? TrainingState(initial: parameters)) {
                [path = checkpoint?.path] in
                try path.map { try store.load($0, layout: setup.trainee.layout).state }
                    ?? setup.initialState(allowsDifferentBase: allowsDifferentBase, logger: logger)
            },
            trainerState: checkpoint.map { checkpoint in
                var state = checkpoint.trainerState
                // The run may be longer now, or more patient.
                state.stoppedEarly =
                    configuration.evaluation.earlyStoppingPatience.map {
                        state.evaluationsWithoutImprovement >= $0
                    } ?? false
                return state
            }, logger: logger, display: ProgressDisplay(totalSteps: setup.data.sampler.totalSteps))
        logger.info(
            "resuming",
            metadata: [
                "from": "\(checkpoint?.path ?? "the beginning")", "step": "\(run.firstStep)",
                "committed": "\(run.ledger.lastStep)", "term": "\(run.term)",
            ])
        return run
    }

    /// Publishes what was trained: the best where there were evaluations, else the last. Writes nothing after.
    ///
    /// - Throws: `CheckpointError` when the checkpoint it comes from is damaged.
    /// - Returns: the step it is from.
    @discardableResult
    public func publish() throws -> Int {
        display?.finish()
        let state = progress.withLock { $0.state }
        let step = setup.configuration.evaluation.every == .never ? state.step : state.bestStep ?? state.step
        let checkpoint = try store.load(store.path(forStep: step), layout: setup.trainee.layout)
        try directory.requireNewest(term: term)
        try directory.publish(resultName) { folder in
            try setup.trainee.writeResult(
                checkpoint.state.parameters, base: setup.base, provenance: provenance, to: folder)
            try FaultPoint.adapter.pass(writing: resultPath)
        }
        return step
    }

    /// Ends the progress line and gives RUN back.
    public func close() {
        display?.finish()
        directory.release()
    }

    /// Gives up a run that could not be started (a port in use, no executable). One that began in this life and has
    /// no step yet leaves nothing behind, so that the same command can be given again.
    public func abandon() {
        display?.finish()
        guard term == 1, ledger.lastStep == 0 else { return directory.release() }
        do { try directory.discard() } catch {
            logger.warning("the run's folder could not be removed", metadata: ["error": "\(error)"])
        }
    }

    /// Where the result is, once ``publish()`` has run: the adapter, or the model.
    public var resultPath: String { path + "/" + resultName }

    /// `adapter` or `model`.
    public var resultName: String { setup.configuration.method.resultName }

    /// The newest committed step; 0 before the first.
    public var ledgerHead: Int { ledger.lastStep }

    /// The optimizer step that was applied last.
    public var lastStep: Int { progress.withLock { $0.state.step } }
}

extension CheckpointStore {
    fileprivate init(_ directory: RunDirectory, method: TrainingMethod) {
        self.init(
            directory: directory.checkpointsPath, shoalVersion: ShoalVersion.current,
            weightsFileName: method.weightsFileName)
    }
}

extension RunSetup {
    /// The state before the first step.
    func initialState(allowsDifferentBase: Bool, logger: Logger) throws -> TrainingState {
        TrainingState(
            initial: try trainee.initialParameters(
                configuration, base: base, allowsDifferentBase: allowsDifferentBase, logger: logger
            ).parameters)
    }

    /// What a resumed run must find again.
    func identity() throws -> RunIdentity {
        RunIdentity(
            baseDigest: base.base.digest, tokenizerDigest: base.base.tokenizerDigest,
            dataDigests: try configuration.dataDigests(), configuration: configuration.valuesKeptForLife)
    }
}

extension RunConfiguration {
    /// The digest of each data file, by its path.
    ///
    /// - Throws: `DurableFileError` for a file that cannot be read.
    func dataDigests() throws -> [String: Digest] {
        var digests: [String: Digest] = [:]
        for path in data.train + data.valid { digests[path] = try Digest.sha256(ofFile: path) }
        return digests
    }
}
