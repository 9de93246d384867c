import Adapters
import Bases
import DurableFiles
import Layers
public import Logging
import Tensors
import WeightFiles

/// Writes an adapter as llama.cpp reads it: one GGUF file for `--lora`.
///
/// Source: llama.cpp's convert_lora_to_gguf.py and src/llama-adapter.cpp: each module gives `NAME.lora_a` [r, in] and
/// `NAME.lora_b` [out, r], and adds alpha ÷ r · B · A.
public enum AdapterExport {
    /// What was written.
    public struct Summary: Sendable, Equatable {
        public let modules: Int
        public let byteCount: Int
    }

    /// Writes `file`.
    ///
    /// llama.cpp has one alpha for all modules; where alpha and r differ among them, the difference is multiplied into
    /// B.
    /// - Parameters:
    ///   - adapter: a PEFT folder.
    ///   - base: the base it was trained on, whose names and head counts the file needs.
    /// - Throws: `AdapterError` when the adapter is of another base, has more than A and B, or adapts a module that has no
    ///   tensor of its own in a GGUF file; `BaseError` for a model type that llama.cpp names otherwise.
    public static func write(
        adapter: String, base reference: String, to file: String, allowsDifferentBase: Bool = false,
        logger: Logger
    ) async throws -> Summary {
        let base = try await LoadedBase(reference: reference, logger: logger)
        let (adapted, parameters) = try AdaptedModel.open(
            adapter, on: base, allowsDifferentBase: allowsDifferentBase)
        if let feature = adapted.placement.featureBesideLoRA {
            throw AdapterError(
                code: .unsupported,
                message:
                    "\(adapter): it was trained with \(feature), which an adapter for llama.cpp cannot hold; merge it "
                    + "instead: shoal merge",
                context: feature)
        }
        let naming = try GGUFNaming(configuration: base.base.configuration, base: reference)
        let factors = LoRAFactors(adapted.placement, layout: adapted.layout, parameters: parameters)
        let alpha = factors.parts.first.map { $0.loraScaling * Float($0.loraRank) } ?? 1
        var tensors: [GGUFWriter.Tensor] = []
        for part in factors.parts {
            guard let name = naming.weightName(ofModule: part.module.name) else {
                throw AdapterError(
                    code: .unsupported,
                    message:
                        "\(adapter): \(part.module.name) is adapted, which an adapter in a GGUF file cannot hold (no "
                        + "embedding, nor a head that is tied to one); merge it instead: shoal merge",
                    context: part.module.name)
            }
            let loraB = naming.ordered(part.loraB, module: part.module.name)
            // 1 where all modules have the same alpha.
            let factor = alpha == 0 ? 1 : part.loraScaling * Float(part.loraRank) / alpha
            let values = loraB.toArray().map { factor == 1 ? $0 : $0 * factor }
            tensors.append(
                .init(
                    name: name + ".lora_a", shape: [part.loraRank, part.module.inputCount],
                    values: Vector(part.loraA.toArray())))
            tensors.append(
                .init(
                    name: name + ".lora_b", shape: [part.module.outputCount, part.loraRank],
                    values: Vector(values)))
        }
        try GGUFWriter.write(
            metadata: [
                ("general.architecture", .string(naming.architecture)), ("general.type", .string("adapter")),
                ("adapter.type", .string("lora")), ("adapter.lora.alpha", .float32(alpha)),
                ("general.file_type", .uint32(0)), ("shoal.base_digest", .string(base.base.digest.hex)),
            ], tensors: tensors, to: file)
        return Summary(modules: factors.parts.count, byteCount: FileStatus(path: file)?.byteCount ?? 0)
    }
}
