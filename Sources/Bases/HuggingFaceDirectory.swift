import DurableFiles
import Foundation
import WeightFiles

/// A Hugging Face model directory: config.json, safetensors and the tokenizer's files.
struct HuggingFaceDirectory {
    let path: String
    /// The bytes of config.json.
    let configuration: Data
    let weights: ShardedSafetensors
    let tensors: [SourceTensor]

    init(path: String) throws {
        self.path = path
        let configurationPath = path + "/config.json"
        guard FileManager.default.fileExists(atPath: configurationPath) else {
            throw BaseError(
                .notFound, path, "no config.json; expected a Hugging Face model directory or a .gguf file")
        }
        configuration = try HuggingFaceDirectory.read(configurationPath)
        guard let keys = try? JSONDecoder().decode([String: JSONValue].self, from: configuration) else {
            throw BaseError(.invalid, configurationPath, "no JSON object; fetch it again")
        }
        var names: CheckpointNames?
        if case .string(let modelType) = keys["model_type"] { names = CheckpointNames(modelType: modelType) }
        weights = try HuggingFaceDirectory.weights(of: path)
        tensors = try HuggingFaceDirectory.tensors(of: weights, names: names)
    }

    private static func weights(of path: String) throws -> ShardedSafetensors {
        let safetensors = [ShardedSafetensors.singleFileName, ShardedSafetensors.indexFileName]
        if !hasAny(of: safetensors, path),
            hasAny(of: ["pytorch_model.bin", "pytorch_model.bin.index.json"], path)
        {
            throw BaseError(
                .unsupported, path,
                "only has weights as pytorch_model.bin; convert them to safetensors"
                    + " (save_pretrained of transformers writes them)")
        }
        return try ShardedSafetensors(directory: path)
    }

    /// All files the weights lie in.
    var weightPaths: [String] { weights.shards.map(\.path) }

    private static func tensors(
        of weights: ShardedSafetensors, names: CheckpointNames?
    ) throws -> [SourceTensor] {
        var tensors: [SourceTensor] = []
        for storedName in weights.names {
            guard let (file, stored) = weights.find(storedName),
                let name = names.map({ $0.fullName(of: storedName) }) ?? storedName
            else { continue }
            switch stored.elementType {
            case .float32, .float16, .bfloat16:
                tensors.append(SourceTensor(name: name, file: file, stored: stored))
            case .float64:
                throw WeightFileError(
                    code: .unsupported,
                    message:
                        "\(file.path): tensor '\(name)': F64 is not supported; save the model as float32",
                    path: file.path, tensor: name)
            default: continue  // buffers of integers and masks, which no model here reads
            }
        }
        return tensors
    }

    private static func hasAny(of names: [String], _ path: String) -> Bool {
        names.contains { FileManager.default.fileExists(atPath: path + "/" + $0) }
    }

    private static func read(_ path: String) throws -> Data {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw BaseError(
                .invalid, path, "cannot be read: \(error.localizedDescription); check its permissions")
        }
    }
}
