import Adapters
import Bases
import Checkpoints
import Configurations
public import Coordination
import DurableFiles
public import Training

extension CoordinatorOptions {
    /// What the coordinator's machine has to know of `run`.
    ///
    /// - Parameters:
    ///   - minimumWorkers: workers that must be ready before the first step.
    ///   - allowsDifferentBase: `--allow-different-base`.
    public init(_ run: TrainingRun, minimumWorkers: Int, allowsDifferentBase: Bool = false) {
        let configuration = run.setup.configuration
        self.init(
            runID: run.runID, term: run.term, parameterCount: run.parameterCount,
            baseDigest: run.setup.base.base.digest.hex)
        self.allowsDifferentBase = allowsDifferentBase
        requiresEqualNumerics = configuration.cluster.numerics == .exact
        self.minimumWorkers = minimumWorkers
        heartbeatInterval = .seconds(configuration.cluster.heartbeatSeconds)
        lostAfter = .seconds(configuration.cluster.lostAfterSeconds)
        orphanTimeout = .seconds(configuration.cluster.orphanTimeoutSeconds)
        skipsNonFiniteSteps = configuration.training.onNonFinite == .skipStep
        self.configuration = configuration.resolvedYAML()
        adapterConfiguration = run.setup.adapted.adapter.json
        ledgerHead = UInt64(run.ledgerHead)
    }
}
