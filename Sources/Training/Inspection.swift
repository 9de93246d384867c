import Adapters
import Bases
import Configurations
import DurableFiles
import Foundation
import Transformers
import WeightFiles

/// What a path holds, read from headers alone: for `shoal inspect`.
public struct Inspection: Sendable, Equatable {
    /// One property.
    public struct Property: Sendable, Equatable {
        public let name: String
        public let value: String
    }
    /// One tensor.
    public struct Tensor: Sendable, Equatable {
        public let name: String
        public let elementType: String
        public let shape: [Int]
    }

    /// "LoRA adapter", "LoRA adapter (GGUF)", "checkpoint", "run", "Hugging Face directory" or "GGUF".
    public let kind: String
    public let path: String
    public let properties: [Property]
    public let tensors: [Tensor]

    /// Looks at `path`.
    ///
    /// - Throws: the error of the reader that fits what is there, naming file and fault.
    public init(path: String) throws {
        self.path = path
        let files = FileManager.default
        func has(_ name: String) -> Bool { files.fileExists(atPath: path + "/" + name) }
        if has("config.yaml") && has("checkpoints") {
            (kind, properties, tensors) = ("run", try Self.run(path), [])
        } else if has("manifest.json") {
            let (properties, tensors) =
                has(LoRAConfiguration.fileName) ? try Self.adapter(path) : try Self.trainedTensors(path)
            (kind, self.properties, self.tensors) = (
                "checkpoint", properties + Self.trainerState(path), tensors
            )
        } else if has(LoRAConfiguration.fileName) {
            (properties, tensors) = try Self.adapter(path)
            kind = "LoRA adapter"
        } else if let file = try Self.adapterGGUF(path) {
            kind = "LoRA adapter (GGUF)"
            tensors = file.tensors.map {
                Tensor(name: $0.name, elementType: $0.elementType.rawValue, shape: $0.shape)
            }
            properties =
                [
                    Property(name: "tensors", value: "\(tensors.count)"),
                    Property(
                        name: "parameters",
                        value: "\(tensors.reduce(0) { $0 + $1.shape.reduce(1, *) })"),
                ] + file.keys.map { Property(name: $0, value: file.metadata[$0]?.summary ?? "") }
        } else {
            let base = try BaseDescription(path: path)
            kind = base.kind.rawValue
            properties = Self.properties(of: base)
            tensors = base.tensors.map { Tensor(name: $0.name, elementType: $0.elementType, shape: $0.shape) }
        }
    }

    /// The GGUF file at `path` if it holds an adapter.
    private static func adapterGGUF(_ path: String) throws -> GGUFFile? {
        guard FileStatus(path: path)?.isDirectory == false, GGUFFile.isGGUF(path: path) else { return nil }
        let file = try GGUFFile(path: path)
        return file.metadata["general.type"]?.string == "adapter" ? file : nil
    }

    private static func properties(of base: BaseDescription) -> [Property] {
        let types = base.byteCountByType.map { "\($0.elementType) \($0.byteCount) bytes" }.joined(
            separator: ", ")
        let labels = (try? ModelRegistry.configuration(json: base.configuration))?.labelNames ?? []
        return [
            Property(name: "model type", value: base.modelType),
            Property(name: "parameters", value: "\(base.parameterCount)"),
            Property(name: "tensors", value: "\(base.tensors.count) (\(types))"),
        ] + Self.labels(labels) + base.metadata.map { Property(name: $0.key, value: $0.value) }
    }

    /// The classes of a head by number, where there are such.
    private static func labels(_ names: [String]) -> [Property] {
        names.isEmpty ? [] : [Property(name: "labels", value: names.joined(separator: ", "))]
    }

    /// What a checkpoint of `method: partial` or `full` holds of the base.
    private static func trainedTensors(_ path: String) throws -> ([Property], [Tensor]) {
        let file = try SafetensorsFile(path: path + "/" + TrainingMethod.full.weightsFileName)
        let tensors = file.tensors.map {
            Tensor(name: $0.name, elementType: $0.elementType.rawValue, shape: $0.shape)
        }
        let parameters = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        return (
            [
                Property(name: "parameters", value: "\(parameters)"),
                Property(name: "tensors", value: "\(tensors.count)"),
            ], tensors
        )
    }

    private static func adapter(_ path: String) throws -> ([Property], [Tensor]) {
        let directory = try PEFTDirectory(path: path)
        let configuration = directory.configuration
        let tensors = directory.weights.tensors.map {
            Tensor(name: $0.name, elementType: $0.elementType.rawValue, shape: $0.shape)
        }
        let parameters = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let targets =
            switch configuration.targets {
            case .allLinear: "all-linear"
            case .names(let names): names.joined(separator: ", ")
            case .pattern(let pattern): pattern
            }
        return (
            [
                Property(name: "base", value: configuration.baseModelName ?? "not recorded"),
                Property(name: "base digest", value: directory.provenance.baseDigest?.hex ?? "not recorded"),
                Property(name: "r", value: "\(configuration.loraRank)"),
                Property(name: "lora_alpha", value: "\(configuration.loraAlpha)"),
                Property(name: "lora_dropout", value: "\(configuration.loraDropout)"),
                Property(name: "target modules", value: targets),
                Property(name: "task type", value: configuration.taskType ?? "not recorded"),
            ] + labels(directory.provenance.labels) + features(configuration) + [
                Property(name: "parameters", value: "\(parameters)"),
                Property(name: "tensors", value: "\(tensors.count)"),
            ], tensors
        )
    }

    /// What an adapter has beyond plain LoRA.
    private static func features(_ configuration: LoRAConfiguration) -> [Property] {
        var features: [Property] = []
        if let layers = configuration.layersToTransform {
            features.append(
                Property(name: "layers", value: layers.map(String.init).joined(separator: ", ")))
        }
        if configuration.usesRSLoRA { features.append(Property(name: "use_rslora", value: "true")) }
        if configuration.usesDoRA { features.append(Property(name: "use_dora", value: "true")) }
        if !configuration.modulesToSave.isEmpty {
            let names = configuration.modulesToSave.joined(separator: ", ")
            features.append(Property(name: "modules to save", value: names))
        }
        if configuration.bias != .none {
            features.append(Property(name: "bias", value: configuration.bias.rawValue))
        }
        return features
    }

    /// The plain values of `trainer_state.json`.
    private static func trainerState(_ path: String) -> [Property] {
        guard let data = FileManager.default.contents(atPath: path + "/trainer_state.json"),
            let values = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
        else { return [] }
        return values.sorted { $0.key < $1.key }.map { Property(name: $0.key, value: "\($0.value)") }
    }

    private static func run(_ path: String) throws -> [Property] {
        let checkpoints = try FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints").sorted()
        let lines =
            FileManager.default.contents(atPath: path + "/metrics.jsonl")
            .map { $0.split(separator: UInt8(ascii: "\n")) } ?? []
        let configuration = try ConfigurationLoader().load(path: path + "/config.yaml")
        let method = configuration.method
        let result = path + "/" + method.resultName
        let isFinished = FileManager.default.fileExists(atPath: result)
        return [
            Property(name: "method", value: method.rawValue)
        ] + labels(configuration.data.labels) + [
            Property(name: "steps done", value: "\(lines.count)"),
            Property(
                name: "last step", value: lines.last.map { String(decoding: $0, as: UTF8.self) } ?? "none"),
            Property(name: "checkpoints", value: checkpoints.joined(separator: ", ")),
            Property(name: method.resultName, value: isFinished ? result : "not written yet"),
        ]
    }
}
