import Adapters
import Bases
import DurableFiles
import Layers
public import Logging
import Tensors
import Transformers
public import WeightFiles

/// Adds adapters into their base: a complete model directory that needs no adapter.
public enum AdapterMerge {
    /// What was written.
    public struct Summary: Sendable, Equatable {
        /// Weights that were changed.
        public let modules: Int
        /// Tensors of the model.
        public let tensors: Int
        public let byteCount: Int
    }

    /// Keys of the safetensors file that say where the values came from.
    static let baseKey = "shoal_merged_base_digest"
    static let adapterKey = "shoal_merged_adapters"

    /// Writes `directory`, which must not exist: base + Σ weight · scaling · B · A, each weight computed in Float32 and,
    /// for F16 and BF16, rounded once.
    ///
    /// - Parameter adapters: one counts once unless it has a weight.
    /// - Throws: `AdapterError` when an adapter is of another base, or changes a head that is tied to the embedding;
    ///   `DurableFileError` when the directory is there, or the disk has no room.
    public static func write(
        base reference: String, adapters: [AdapterReference], to directory: String,
        elementType: ElementType = .float32, allowsDifferentBase: Bool = false, logger: Logger
    ) async throws -> Summary {
        let base = try await LoadedBase(reference: reference, logger: logger)
        var terms: [(factors: LoRAFactors, weight: Float)] = []
        var records: [String] = []
        for adapter in adapters {
            let (adapted, parameters) = try AdaptedModel.open(
                adapter.path, on: base, allowsDifferentBase: allowsDifferentBase)
            let factors = LoRAFactors(adapted.placement, layout: adapted.layout, parameters: parameters)
            terms.append((factors, adapter.weight ?? 1))
            let digest = try Digest.sha256(ofFile: adapter.path + "/" + PEFTDirectory.weightsFileName)
            records.append("\(digest.hex):\(adapter.weight ?? 1)")
        }
        let shapes = Set(base.configuration.weightShapes.map(\.name))
        var parts: [String: [(part: LoRAFactors.Part, weight: Float)]] = [:]
        for term in terms {
            for part in term.factors.parts {
                let name = part.module.name + ".weight"
                guard shapes.contains(name) else {
                    throw AdapterError(
                        code: .unsupported,
                        message:
                            "\(part.module.name) is adapted and has no weight of its own: it is tied to the embedding, "
                            + "which a merge would change too; use the adapter as it is, or train one without it",
                        context: part.module.name)
                }
                parts[name, default: []].append((part, term.weight))
            }
        }
        try AtomicDirectory.publish(at: directory) { folder in
            try ModelDirectoryWriter(base: base).write(
                to: folder, elementType: elementType,
                metadata: [baseKey: base.base.digest.hex, adapterKey: records.joined(separator: " ")]
            ) { shape in
                let frozen = try base.base.tensor(named: shape.name, shape: shape.shape)
                guard let parts = parts[shape.name] else { return frozen }
                let merged = Vector(zeros: frozen.count)
                merged.copy(from: frozen)
                let matrix = merged.matrix(rows: shape.shape[0], columns: shape.shape[1])
                for (part, weight) in parts { part.add(to: matrix, weight: weight) }
                return merged
            }
        }
        let file = FileStatus(path: directory + "/" + ShardedSafetensors.singleFileName)
        return Summary(modules: parts.count, tensors: shapes.count, byteCount: file?.byteCount ?? 0)
    }
}
