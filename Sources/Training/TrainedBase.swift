public import Adapters
import Bases
public import Configurations
public import Layers
public import Logging
public import Tensors
public import Transformers
import WeightFiles

/// A base some or all of whose tensors are trained: `method: partial` and `method: full`.
///
/// The trained tensors' values lie in the parameter vector; the others stay views of the mapped base.
public struct TrainedBase: Trainee {
    public let model: any TransformerModel
    public let parts: TrainedParts
    public var adapterConfiguration: String { "" }
    /// Names of the embeddings that do not make the logits, too.
    private let tables: Set<String>
    public var targets: [Preflight.Target] {
        layout.entries.map {
            .init(wholeTensor: $0.name, shape: $0.shape, isTable: tables.contains($0.name))
        }
    }

    /// - Parameter shapes: the tensors to train.
    /// - Throws: ``TrainingError`` with code `.nothingTrained` when there are none; `TransformerError`,
    ///   `WeightFileError`.
    init(_ shapes: [WeightShape], of base: LoadedBase) throws {
        guard !shapes.isEmpty else {
            throw TrainingError(
                .nothingTrained,
                "partial: layers 0, final_norm false and head false train nothing; set partial.layers to 1 or more"
            )
        }
        parts = TrainedParts(tensors: Set(shapes.map(\.name)))
        tables = Set(shapes.filter { $0.part == .embedding }.map(\.name))
        model = try base.configuration.makeModel(weights: base.base, trained: parts)
    }

    /// The base's own values.
    public func initialParameters(
        _ configuration: RunConfiguration, base: LoadedBase, allowsDifferentBase: Bool, logger: Logger
    ) throws -> (parameters: Vector, provenance: AdapterProvenance) {
        let parameters = Vector(zeros: layout.count)
        for entry in layout.entries {
            parameters[entry.range].copy(
                from: try base.initialValues(
                    of: entry.name, shape: entry.shape, seed: configuration.training.seed))
        }
        try base.base.checkIntact()
        return (parameters, AdapterProvenance(baseDigest: base.base.digest))
    }

    public func writeTrained(
        _ parameters: Vector, provenance: AdapterProvenance, to directory: String
    ) throws {
        try SafetensorsWriter.write(
            layout.entries.map {
                SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, values: parameters[$0.range])
            }, metadata: ["format": "pt"], to: directory + "/" + ShardedSafetensors.singleFileName)
    }

    public func writeResult(
        _ parameters: Vector, base: LoadedBase, provenance: AdapterProvenance, to directory: String
    ) throws {
        let places = Dictionary(
            layout.entries.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first })
        try ModelDirectoryWriter(base: base).write(to: directory) { tensor in
            if let range = places[tensor.name] { return parameters[range] }
            return try base.base.tensor(named: tensor.name, shape: tensor.shape)
        }
    }
}

extension ModelConfiguration {
    /// The tensors that `partial` names.
    ///
    /// - Throws: ``TrainingError`` with code `.nothingTrained` for more blocks than the base has.
    func weightShapes(_ partial: PartialSection, base: String) throws(TrainingError) -> [WeightShape] {
        guard partial.layers <= blockCount else {
            throw TrainingError(
                .nothingTrained,
                "partial.layers: \(partial.layers) blocks, \(base) has \(blockCount); set partial.layers to "
                    + "\(blockCount) or less, or write method: full")
        }
        return weightShapes(
            lastBlocks: partial.layers, finalNorm: partial.finalNorm, head: partial.head)
    }
}
