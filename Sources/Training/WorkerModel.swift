import Adapters
import Bases
import Configurations
import Foundation
import Optimizers
import Tensors
import Transformers
public import WireProtocol

/// The engine of a worker, built from its base and what the coordinator's welcome says.
public enum WorkerModel {
    /// Attaches what the run trains to `base` and starts the compute threads.
    ///
    /// - Throws: `ConfigurationError`, `AdapterError` for a welcome that cannot be followed; ``TrainingError`` with
    ///   code `.cannotCompute` when this model has other trainable elements than the coordinator's.
    public static func makeEngine(
        _ welcome: Welcome, base: LoadedBase, threadCount: Int
    ) throws -> any WorkerEngine {
        let configuration = try ConfigurationLoader().load(
            yaml: welcome.configuration, source: "the coordinator's configuration", directory: "/")
        let adapter =
            welcome.adapterConfiguration.isEmpty
            ? nil
            : try LoRAConfiguration(
                json: Array(welcome.adapterConfiguration.utf8), file: "the coordinator's adapter_config.json")
        let base = try configuration.task.map(base.configured(for:)) ?? base
        let trainee = try configuration.trainee(on: base, adapter: adapter)
        guard UInt64(trainee.layout.count) == welcome.parameterCount else {
            throw TrainingError(
                .cannotCompute,
                "\(trainee.layout.count) elements are trained on this worker's base, \(welcome.parameterCount) on "
                    + "the coordinator's; are the versions of Shoal the same?")
        }
        let estimate = MemoryEstimate(
            configuration, base: base.configuration, trainee: trainee,
            largestMicroBatch: configuration.training.maxTokensPerMicroBatch,
            mostMicroBatches: configuration.training.microBatches)
        try estimate.requireFit(
            [estimate.worker(threads: threadCount)], of: "a worker of \(threadCount) threads",
            method: configuration.method)
        let constants = AdamWConfiguration(configuration.training)
        let optimizer = try AdamW(
            configuration: constants,
            groups: ParameterGroups(
                layout: trainee.layout, weightDecay: constants.weightDecay,
                loraPlusRatio: configuration.training.loraPlusRatio,
                peakLearningRate: configuration.learningRate
            ).freezing(trainee.frozenElements))
        func start(_ model: some TransformerModel) -> any WorkerEngine {
            TrainingEngine(
                model: model, vocabularyCount: base.configuration.vocabularySize, optimizer: optimizer,
                seed: configuration.training.seed, threadCount: threadCount,
                memory: ActivationMemory(
                    recomputes: estimate.recomputesActivations(threads: threadCount),
                    cache: estimate.cache > 0 ? ActivationCache(byteLimit: estimate.cache) : nil))
        }
        return start(trainee.model)
    }
}
