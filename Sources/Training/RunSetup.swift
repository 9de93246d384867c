public import Configurations
public import Datasets
import Layers
public import Logging
public import Optimizers
import Tokenizers
import Transformers

/// Everything a run is made of before its first step: configuration, base, what is trained, data, schedule. Making one
/// is every check that fails closed (promise 4 of the design).
public struct RunSetup: Sendable {
    /// With every default filled in.
    public let configuration: RunConfiguration
    public let base: LoadedBase
    /// What is trained: an adapter, or tensors of the base.
    public let trainee: any Trainee
    public let data: TrainingData
    /// Nil where the configuration names no rows to evaluate on.
    public let evaluation: EvaluationSet?
    public let schedule: LearningRateSchedule
    public let optimizer: AdamWConfiguration

    /// Opens base and data and checks that everything fits.
    ///
    /// - Throws: the error of the part that does not, naming the key, file, line or module.
    public init(_ configuration: RunConfiguration, logger: Logger) async throws {
        let configuration = configuration.resolved()
        try self.init(
            configuration, base: try await LoadedBase(reference: configuration.base, logger: logger),
            logger: logger)
    }

    init(_ given: RunConfiguration, base givenBase: LoadedBase, logger: Logger) throws {
        var configuration = given
        let columns = configuration.data.columns.dictionary
        let dataset = try Dataset(paths: configuration.data.train, columns: columns)
        let rows = try dataset.split(validFraction: configuration.data.validFraction)
        try configuration.resolveObjective(
            for: givenBase, dataset: dataset, rows: rows.train, logger: logger)
        let base = try configuration.task.map(givenBase.configured(for:)) ?? givenBase
        self.configuration = configuration
        self.base = base
        trainee = try configuration.trainee(on: base)
        let split = MicroBatchSplit(
            microBatches: configuration.training.microBatches,
            maxTokens: configuration.training.maxTokensPerMicroBatch, packing: configuration.data.packing)
        let seed = configuration.training.seed
        let builder = try SequenceBuilder(configuration.data, base: base, dataset: dataset, seed: seed)
        let sampler = StepSampler(configuration, exampleIDs: rows.train)
        data = TrainingData(dataset: dataset, builder: builder, sampler: sampler, split: split)
        if !configuration.data.valid.isEmpty {
            let valid = try Dataset(paths: configuration.data.valid, columns: columns)
            evaluation = try EvaluationSet(
                dataset: valid, rows: Array(0..<UInt32(valid.rowCount)),
                builder: try SequenceBuilder(configuration.data, base: base, dataset: valid, seed: seed),
                split: split)
        } else if !rows.valid.isEmpty {
            evaluation = try EvaluationSet(dataset: dataset, rows: rows.valid, builder: builder, split: split)
        } else {
            evaluation = nil
        }
        guard evaluation != nil || configuration.evaluation.every == .never else {
            throw TrainingError(
                .runMismatch,
                "evaluation.every_steps is set but there are no rows to evaluate on; name a file in data.valid, or "
                    + "set data.valid_fraction")
        }
        optimizer = AdamWConfiguration(configuration.training)
        try optimizer.validate()
        schedule = try LearningRateSchedule(
            kind: LearningRateSchedule.Kind(configuration.training.schedule),
            peakLearningRate: configuration.learningRate, warmupRatio: configuration.training.warmupRatio,
            totalStepCount: sampler.totalSteps)
        for warning in Self.warnings(configuration, totalSteps: sampler.totalSteps) {
            logger.warning("\(warning)")
        }
    }

    /// Steps of the whole run.
    public var totalSteps: Int { data.sampler.totalSteps }

    /// The work of `step` (from 1); nil behind the last.
    ///
    /// - Parameter committedLearningRate: the rate of a step that is in the ledger; nil takes the schedule's.
    public func work(forStep step: UInt64, committedLearningRate: Float? = nil) throws -> StepWork? {
        guard step <= UInt64(data.sampler.totalSteps) else { return nil }
        let batch = try data.work(ofStep: Int(step))
        let update = UpdateParameters(
            step: Int(step),
            learningRate: committedLearningRate.map { Double($0) }
                ?? schedule.learningRate(atStep: Int(step)),
            tokenCount: Int64(batch.supervisedTokenCount), configuration: optimizer)
        return StepWork(
            step: step, epoch: data.sampler.epochs(afterStep: Int(step)), microBatches: batch.microBatches,
            exampleIDs: batch.exampleIDs, tokenCount: Int64(batch.tokenCount),
            supervisedTokenCount: update.tokenCount, learningRate: update.learningRate,
            biasCorrection1: update.biasCorrection1, biasCorrection2: update.biasCorrection2,
            digestsState: digestsState(afterStep: Int(step)))
    }

    /// An adapter's state, with a classifier's head or without, is digested after every step; one with tensors of the base as
    /// often as `cluster.digest_every` says, and where it may be written down.
    private func digestsState(afterStep step: Int) -> Bool {
        let endsEpoch = data.sampler.position(ofStep: step).endsEpoch
        let isSmall = trainee.parts.tensors.keys.allSatisfy(base.configuration.isOfHead)
        return isSmall || step == totalSteps
            || configuration.cluster.digestEvery.isDue(after: step, endsEpoch: endsEpoch)
            || configuration.checkpoint.every.isDue(after: step, endsEpoch: endsEpoch)
    }

    private static func warnings(_ configuration: RunConfiguration, totalSteps: Int) -> [String] {
        var result: [String] = []
        if configuration.evaluation.earlyStoppingPatience != nil, configuration.evaluation.every == .never {
            result.append("evaluation.early_stopping_patience has no effect without evaluation.every_steps")
        }
        if case .steps(let count) = configuration.evaluation.every, count > totalSteps {
            result.append(
                "evaluation.every_steps is \(count), the run has \(totalSteps) steps: it is evaluated at its end only"
            )
        }
        return result
    }
}

extension AdamWConfiguration {
    /// The constants of a run.
    init(_ training: TrainingSection) {
        self.init(
            beta1: training.adamBeta1, beta2: training.adamBeta2, epsilon: training.adamEpsilon,
            weightDecay: training.weightDecay,
            maxGradientNorm: training.maxGradNorm > 0 ? training.maxGradNorm : nil)
    }
}

extension LearningRateSchedule.Kind {
    init(_ kind: ScheduleKind) {
        self =
            switch kind {
            case .constant: .constant
            case .linear: .linear
            case .cosine: .cosine
            }
    }
}

extension OrderedMap {
    /// The entries without their order.
    var dictionary: [String: Value] {
        Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}
