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
        /// Tensors that were changed.
        public let modules: Int
        /// Tensors of the model.
        public let tensors: Int
        public let byteCount: Int
    }

    /// Keys of the safetensors file that say where the values came from.
    static let baseKey = "shoal_merged_base_digest"
    static let adapterKey = "shoal_merged_adapters"

    /// Writes `directory`, which must not exist: base + Σ weight · scaling · B · A, each weight computed in Float32 and,
    /// for F16 and BF16, rounded once; tensors that an adapter trained whole in place of the base's. A head that is tied to
    /// the embedding gets a matrix of its own where one of the two is changed.
    ///
    /// - Parameter adapters: one counts once unless it has a weight.
    /// - Throws: `AdapterError` when an adapter is of another base, or does not go with the others;
    ///   `DurableFileError` when the directory is there, or the disk has no room.
    public static func write(
        base reference: String, adapters: [AdapterReference], to directory: String,
        elementType: ElementType = .float32, allowsDifferentBase: Bool = false, logger: Logger
    ) async throws -> Summary {
        // The adapter of a classifier brings the head along.
        let base = try adapters.reduce(try await LoadedBase(reference: reference, logger: logger)) {
            try $0.configured(forAdapterAt: $1.path)
        }
        var terms: [MergedWeights.Term] = []
        var records: [String] = []
        for adapter in adapters {
            let (adapted, parameters) = try AdaptedModel.open(
                adapter.path, on: base, allowsDifferentBase: allowsDifferentBase)
            terms.append(
                .init(
                    path: adapter.path, adapted: adapted, parameters: parameters, weight: adapter.weight ?? 1)
            )
            let digest = try Digest.sha256(ofFile: adapter.path + "/" + PEFTDirectory.weightsFileName)
            records.append("\(digest.hex):\(adapter.weight ?? 1)")
        }
        let merged = try MergedWeights(terms, base: base)
        try AtomicDirectory.publish(at: directory) { folder in
            try ModelDirectoryWriter(base: base, unties: merged.unties).write(
                to: folder, elementType: elementType,
                metadata: [baseKey: base.base.digest.hex, adapterKey: records.joined(separator: " ")],
                values: merged.values)
        }
        let file = FileStatus(path: directory + "/" + ShardedSafetensors.singleFileName)
        return Summary(
            modules: merged.changedCount,
            tensors: base.configuration.weightShapes.count + (merged.unties ? 1 : 0),
            byteCount: file?.byteCount ?? 0)
    }
}
