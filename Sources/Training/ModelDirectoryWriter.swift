import Bases
import DurableFiles
import Foundation
public import Tensors
import Tokenizers
public import Transformers
public import WeightFiles

/// Writes a complete Hugging Face model directory: `config.json`, `model.safetensors`, and the tokenizer.
///
/// Configuration and tokenizer are those of a base, a GGUF's in Hugging Face's form; the tensors are whatever the caller
/// computes: a trained model, or an adapter merged into its base. `transformers` loads the directory, and so does
/// ``LoadedBase``. The bytes depend on the base and the tensors alone.
public struct ModelDirectoryWriter: Sendable {
    private let base: LoadedBase
    /// The matrix of a head that is tied in the base and is written by itself.
    private let untiedHead: WeightShape?

    /// - Parameters:
    ///   - base: gives configuration, names and shapes of the tensors, and the tokenizer.
    ///   - unties: whether a head that is tied to the embedding gets a matrix of its own.
    public init(base: LoadedBase, unties: Bool = false) {
        self.base = base
        untiedHead =
            unties
            ? base.configuration.tiedHead.map {
                WeightShape(name: $0.name, shape: $0.source.shape, part: .head)
            } : nil
    }

    /// Writes the files into `directory`, which exists and is empty; publishing it whole is the caller's.
    ///
    /// - Parameters:
    ///   - elementType: F32, or F16 or BF16 to round each value once to.
    ///   - metadata: entries of the safetensors file beside `format`.
    ///   - values: called once for each tensor of the model (a head that stays tied is none), in the file's order, so that no
    ///   more than one need be in memory; returns its elements in row-major order.
    /// - Throws: ``TrainingError`` with code `.unsupported` for another type, or a value beyond F16's range;
    ///   what `values` throws; `DurableFileError` with code `.noSpace` before anything is written; `TokenizerError`
    ///   with code `.unsupported` for a GGUF whose tokenizer has no form here that transformers reads.
    public func write(
        to directory: String, elementType: ElementType = .float32, metadata: [String: String] = [:],
        values: (WeightShape) throws -> Vector
    ) throws {
        let names: [ElementType: String] = [
            .float32: "float32", .float16: "float16", .bfloat16: "bfloat16",
        ]
        guard let typeName = names[elementType] else {
            throw TrainingError(
                .unsupported, "a model in \(elementType.rawValue) is not written; expected F32, F16 or BF16")
        }
        let all = base.configuration.weightShapes + (untiedHead.map { [$0] } ?? [])
        let shapes = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let layout = try SafetensorsLayout(
            shapes.values.map { .init(name: $0.name, elementType: elementType, shape: $0.shape) },
            metadata: metadata.merging(["format": "pt"]) { $1 })
        try FreeSpace.require(layout.byteCount + 1 << 24, at: directory, for: "the model's directory")
        for (name, bytes) in try tokenizerFiles() {
            try AtomicFile.write(bytes, to: directory + "/" + name)
        }
        let text = configurationText(typeName)
        try AtomicFile.write(
            base.configuration.task.labels.map {
                try Self.naming($0, architecture: base.configuration.architecture, in: text)
            } ?? text,
            to: directory + "/config.json")
        try SafetensorsWriter.write(
            layout, to: directory + "/" + ShardedSafetensors.singleFileName
        ) { entry, writer in
            guard let shape = shapes[entry.name] else { return }
            let vector = try values(shape)
            precondition(
                vector.count == shape.count, "\(shape.name) \(shape.shape) has \(vector.count) values")
            if elementType == .float32 {
                try vector.withByteSpan { (bytes) throws(DurableFileError) in try writer.write(bytes) }
            } else {
                try writer.write(Self.rounded(vector, to: elementType, of: shape.name))
            }
        }
        try base.base.checkIntact()
    }

    /// Little-endian F16 or BF16.
    private static func rounded(
        _ values: Vector, to type: ElementType, of tensor: String
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * values.count)
        for value in values.toArray() {
            let bits =
                type == .float16
                ? FloatConversion.float16Bits(value) : FloatConversion.bfloat16Bits(value)
            guard type != .float16 || bits & 0x7C00 != 0x7C00 || !value.isFinite else {
                throw TrainingError(
                    .unsupported,
                    "\(tensor) holds \(value), which is beyond F16's range; write BF16 or F32 instead")
            }
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
        }
        return bytes
    }

    /// The base's config.json, saying what type the weights are and whether the head is tied; everything else is as it
    /// was, to the byte.
    private func configurationText(_ typeName: String) -> String {
        var text = String(decoding: base.base.configuration, as: UTF8.self)
        Self.set(["torch_dtype", "dtype"], to: "\"\(typeName)\"", in: &text)
        if untiedHead != nil { Self.set(["tie_word_embeddings"], to: "false", in: &text) }
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    /// Sets each of `keys` that is there, else adds the first.
    private static func set(_ keys: [String], to value: String, in text: inout String) {
        var isSaid = false
        for key in keys {
            let pattern = "\"\(key)\"\\s*:\\s*(\"[^\"]*\"|null|true|false)"
            guard text.range(of: pattern, options: .regularExpression) != nil else { continue }
            text = text.replacingOccurrences(
                of: pattern, with: "\"\(key)\": \(value)", options: .regularExpression)
            isSaid = true
        }
        if !isSaid, let brace = text.firstIndex(of: "{") {
            text.insert(contentsOf: "\n  \"\(keys[0])\": \(value),", at: text.index(after: brace))
        }
    }

    /// The tokenizer's files by name: copies, or a GGUF's metadata in Hugging Face's form.
    private func tokenizerFiles() throws -> [(name: String, bytes: [UInt8])] {
        switch base.base.tokenizer {
        case .directory(let source):
            (TokenizerSource.fileNames + ["generation_config.json"]).compactMap { name in
                FileManager.default.contents(atPath: source + "/" + name).map { (name, Array($0)) }
            }
        case .gguf(let metadata):
            try HuggingFaceTokenizerFiles(gguf: Tokenizers.GGUFTokenizerMetadata(metadata)).files
        }
    }
}
