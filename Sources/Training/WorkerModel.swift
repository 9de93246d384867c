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
    /// Attaches the run's adapter to `base` and starts the compute threads.
    ///
    /// - Throws: `ConfigurationError`, `AdapterError` for a welcome that cannot be followed; ``TrainingError`` with
    ///   code `.cannotCompute` when this model has other trainable elements than the coordinator's.
    public static func makeEngine(
        _ welcome: Welcome, base: LoadedBase, threadCount: Int
    ) throws -> any WorkerEngine {
        let configuration = try ConfigurationLoader().load(
            yaml: welcome.configuration, source: "the coordinator's configuration", directory: "/")
        let adapter = try LoRAConfiguration(
            json: Array(welcome.adapterConfiguration.utf8), file: "the coordinator's adapter_config.json")
        let adapted = try AdaptedModel(
            adapter: adapter, configuration: base.configuration, weights: base.base)
        guard UInt64(adapted.layout.count) == welcome.parameterCount else {
            throw TrainingError(
                .cannotCompute,
                "the adapter has \(adapted.layout.count) elements on this worker's base, \(welcome.parameterCount) on "
                    + "the coordinator's; are the versions of Shoal the same?")
        }
        let constants = AdamWConfiguration(configuration.training)
        let optimizer = try AdamW(
            configuration: constants,
            groups: ParameterGroups(
                layout: adapted.layout, weightDecay: constants.weightDecay,
                loraPlusRatio: configuration.training.loraPlusRatio))
        func start(_ model: some GenerativeModel) -> any WorkerEngine {
            TrainingEngine(
                model: model, vocabularyCount: base.configuration.vocabularySize, optimizer: optimizer,
                seed: configuration.training.seed, threadCount: threadCount)
        }
        return start(adapted.model)
    }
}
