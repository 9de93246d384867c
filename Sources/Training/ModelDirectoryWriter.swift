import Bases
import DurableFiles
import Foundation
public import Tensors
import Tokenizers
public import Transformers
import WeightFiles

/// Writes a complete Hugging Face model directory: `config.json`, `model.safetensors` in Float32, and the tokenizer.
///
/// Configuration and tokenizer are those of a base, a GGUF's in Hugging Face's form; the tensors are whatever the caller
/// computes: a trained model, or an adapter merged into its base. `transformers` loads the directory, and so does
/// ``LoadedBase``. The bytes depend on the base and the tensors alone.
public struct ModelDirectoryWriter: Sendable {
    private let base: LoadedBase

    /// - Parameter base: gives configuration, names and shapes of the tensors, and the tokenizer.
    public init(base: LoadedBase) { self.base = base }

    /// Writes the files into `directory`, which exists and is empty; publishing it whole is the caller's.
    ///
    /// - Parameter values: called once for each tensor of the model (a tied head is none), in the file's order, so that no
    ///   more than one need be in memory; returns its elements in row-major order.
    /// - Throws: what `values` throws; `DurableFileError` with code `.noSpace` before anything is written; `TokenizerError`
    ///   with code `.unsupported` for a GGUF whose tokenizer has no form here that transformers reads.
    public func write(to directory: String, values: (WeightShape) throws -> Vector) throws {
        let shapes = Dictionary(
            base.configuration.weightShapes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let layout = try SafetensorsLayout(
            shapes.values.map { .init(name: $0.name, shape: $0.shape) }, metadata: ["format": "pt"])
        try FreeSpace.require(layout.byteCount + 1 << 24, at: directory, for: "the model's directory")
        for (name, bytes) in try tokenizerFiles() {
            try AtomicFile.write(bytes, to: directory + "/" + name)
        }
        try AtomicFile.write(configurationText(), to: directory + "/config.json")
        try SafetensorsWriter.write(
            layout, to: directory + "/" + ShardedSafetensors.singleFileName
        ) { entry, writer in
            guard let shape = shapes[entry.name] else { return }
            let vector = try values(shape)
            precondition(
                vector.count == shape.count, "\(shape.name) \(shape.shape) has \(vector.count) values")
            try vector.withByteSpan { (bytes) throws(DurableFileError) in try writer.write(bytes) }
        }
        try base.base.checkIntact()
    }

    /// The base's config.json, saying that the weights are Float32; everything else is as it was, to the byte.
    private func configurationText() -> String {
        var text = String(decoding: base.base.configuration, as: UTF8.self)
        var isSaid = false
        for key in ["torch_dtype", "dtype"] {
            let pattern = "\"\(key)\"\\s*:\\s*(\"[^\"]*\"|null)"
            guard text.range(of: pattern, options: .regularExpression) != nil else { continue }
            text = text.replacingOccurrences(
                of: pattern, with: "\"\(key)\": \"float32\"", options: .regularExpression)
            isSaid = true
        }
        if !isSaid, let brace = text.firstIndex(of: "{") {
            text.insert(contentsOf: "\n  \"torch_dtype\": \"float32\",", at: text.index(after: brace))
        }
        return text.hasSuffix("\n") ? text : text + "\n"
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
