public import Adapters
import Bases
public import Configurations
public import Layers
public import Logging
public import Tensors
public import Transformers

/// What a run trains: an adapter beside the base (``AdaptedModel``), or tensors of the base (``TrainedBase``).
///
/// `method` chooses one where a run is set up; everything behind asks it, and nothing else looks at the method.
public protocol Trainee: Sendable {
    /// The model over the parameter vector.
    var model: any TransformerModel { get }
    /// What of the model is trained.
    var parts: TrainedParts { get }
    /// What a worker is told of the adapter: its `adapter_config.json`; empty where there is none.
    var adapterConfiguration: String { get }

    /// Elements of the parameters that are never changed.
    var frozenElements: [Range<Int>] { get }

    /// Each module or tensor that is trained, in the model's forward order.
    var targets: [Preflight.Target] { get }

    /// The values training begins with, in new memory; what takes long is logged.
    ///
    /// - Throws: `AdapterError` when the adapter that a run starts from does not fit; what the base throws.
    /// - Returns: the values, and what is recorded of the base beside them.
    func initialParameters(
        _ configuration: RunConfiguration, base: LoadedBase, allowsDifferentBase: Bool, logger: Logger
    ) throws -> (parameters: Vector, provenance: AdapterProvenance)

    /// Writes what is trained into a checkpoint's directory, under names of the ecosystem.
    func writeTrained(_ parameters: Vector, provenance: AdapterProvenance, to directory: String) throws

    /// Writes what the run is for: a PEFT directory, or a complete Hugging Face model.
    func writeResult(
        _ parameters: Vector, base: LoadedBase, provenance: AdapterProvenance, to directory: String)
        throws
}

extension Trainee {
    /// The trained tensors.
    public var layout: ParameterLayout { model.trainable }
    /// None, unless there are.
    public var frozenElements: [Range<Int>] { [] }
}

extension RunConfiguration {
    /// Attaches what the method trains to `base`.
    ///
    /// - Parameter adapter: the adapter in PEFT's terms, where it is not to be read from this configuration.
    /// - Throws: `AdapterError` that names a target without a match; ``TrainingError`` with code `.nothingTrained` for a
    ///   part that the base does not have; `TransformerError`, `WeightFileError`.
    func trainee(on base: LoadedBase, adapter: LoRAConfiguration? = nil) throws -> any Trainee {
        switch method {
        case .lora:
            try AdaptedModel(
                adapter: adapter ?? LoRAConfiguration(self.adapter, base: self.base),
                configuration: base.configuration, weights: base.base)
        case .partial:
            try TrainedBase(try base.configuration.weightShapes(partial, base: base.base.path), of: base)
        case .full: try TrainedBase(base.configuration.weightShapes, of: base)
        }
    }
}

extension TrainingMethod {
    /// The folder of RUN with the result.
    public var resultName: String { self == .lora ? "adapter" : "model" }
    /// The file with the trained tensors, in checkpoints and in the result.
    public var weightsFileName: String { self == .lora ? PEFTDirectory.weightsFileName : "model.safetensors" }
}
