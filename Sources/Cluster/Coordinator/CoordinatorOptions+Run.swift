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
        self.init(run, setup: run.setup, minimumWorkers: minimumWorkers)
        self.allowsDifferentBase = allowsDifferentBase
        ledgerHead = UInt64(run.ledgerHead)
        for entry in run.ledgerBehindCheckpoint {
            ledgered[UInt64(entry.step)] = LedgeredStep(
                generation: entry.generation, gradientDigest: entry.gradientDigest.bytes,
                stateDigestBefore: entry.stateDigestBefore?.bytes ?? [], lossSum: entry.lossSum,
                wasSkipped: entry.wasSkipped)
            lastWorkerCount = Set(entry.leafWorkers).count
        }
    }

    /// What the coordinator's machine has to know of a step to be proven.
    public init(_ proof: StepProof, minimumWorkers: Int) {
        self.init(proof, setup: proof.setup, minimumWorkers: minimumWorkers)
    }

    private init(_ driver: any RunDriver, setup: RunSetup, minimumWorkers: Int) {
        let configuration = setup.configuration
        self.init(
            runID: driver.runID, term: driver.term, parameterCount: driver.parameterCount,
            baseDigest: setup.base.base.digest.hex)
        requiresEqualNumerics = configuration.cluster.numerics == .exact
        self.minimumWorkers = minimumWorkers
        heartbeatInterval = .seconds(configuration.cluster.heartbeatSeconds)
        lostAfter = .seconds(configuration.cluster.lostAfterSeconds)
        orphanTimeout = .seconds(configuration.cluster.orphanTimeoutSeconds)
        skipsNonFiniteSteps = configuration.training.onNonFinite == .skipStep
        self.configuration = configuration.resolvedYAML()
        adapterConfiguration = setup.trainee.adapterConfiguration
        totalSteps = UInt64(setup.totalSteps)
    }
}
