import Adapters
import Foundation
import Layers
import Tensors
import Transformers

/// A tiny model with golden values of Hugging Face, see Tests/Fixtures/scripts/make_decoder_goldens.py.
struct GoldenModel {
    struct Golden: Decodable {
        var ids: [[Int32]]
        var targets: [[Int32]]
        var lossSum: Double
        var learningRate: Double
        var steps: [Step]
    }

    struct Step: Decodable {
        var ids: [[Int32]]
        var targets: [[Int32]]
        var loss: Double
        var gradientNorm: Double
    }

    /// Full and partial fine-tuning, see make_trained_base_goldens.py.
    struct TrainedGolden: Decodable {
        struct Step: Decodable {
            var loss: Double
            var gradientNorm: Double
        }
        var lossSum: Double
        var full: [Step]
        var partial: [Step]
    }

    static let names = ["llama3-tied", "llama-untied", "qwen2", "gpt2", "gpt2-untied", "qwen3"]

    struct NoDecoder: Error {}

    let configuration: any DecoderConfiguration
    let weights: MemoryWeights
    let tensors: MemoryWeights
    let golden: Golden
    /// The gradient of each tensor, by its name.
    let gradients: MemoryWeights
    let trained: TrainedGolden

    init(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/decoders/\(name)")
        let any = try ModelRegistry.configuration(
            json: Data(contentsOf: folder.appending(path: "config.json")))
        guard let decoder = any as? any DecoderConfiguration else { throw NoDecoder() }
        configuration = decoder
        weights = try MemoryWeights(
            safetensors: Data(contentsOf: folder.appending(path: "model.safetensors")))
        tensors = try MemoryWeights(
            safetensors: Data(contentsOf: folder.appending(path: "golden.safetensors")))
        golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: folder.appending(path: "golden.json")))
        gradients = try MemoryWeights(
            safetensors: Data(contentsOf: folder.appending(path: "trained.safetensors")))
        trained = try JSONDecoder().decode(
            TrainedGolden.self, from: Data(contentsOf: folder.appending(path: "trained.json")))
    }

    /// All linear modules but the head, r = 4 and alpha = 8 as in the script.
    var allLinear: [String: any LinearAdapterSettings] { adapters { !$0.isOutputHead } }

    func adapters(dropout: Float = 0, where isTarget: (LinearModule) -> Bool) -> [String:
        any LinearAdapterSettings]
    {
        let names = configuration.linearModules.filter(isTarget).map(\.name)
        let settings = LoRAModuleSettings(loraRank: 4, loraScaling: 2, dropout: dropout)
        return Dictionary(uniqueKeysWithValues: names.map { ($0, settings) })
    }

    func model(_ adapters: [String: any LinearAdapterSettings]) throws -> CausalDecoder {
        try CausalDecoder(
            configuration: configuration, weights: weights, trained: TrainedParts(adapters: adapters))
    }

    func model(training tensors: [WeightShape]) throws -> CausalDecoder {
        try CausalDecoder(
            configuration: configuration, weights: weights,
            trained: TrainedParts(tensors: Set(tensors.map(\.name))))
    }

    /// The base's own values of `layout`.
    func initial(_ layout: ParameterLayout) throws -> Vector {
        let vector = Vector(zeros: layout.count)
        for entry in layout.entries {
            vector[entry.range].copy(from: try weights.tensor(named: entry.name, shape: entry.shape))
        }
        return vector
    }

    /// The parameters of `layout` under `prefix` in golden.safetensors, as one flat vector.
    func vector(_ prefix: String, layout: ParameterLayout) throws -> Vector {
        let vector = Vector(zeros: layout.count)
        for entry in layout.entries {
            vector[entry.range].copy(
                from: try tensors.tensor(named: "\(prefix).\(entry.name)", shape: entry.shape))
        }
        return vector
    }
}

/// Packs sequences whose targets are given, −100 standing for none as in PyTorch.
func packed(_ ids: [[Int32]], _ targets: [[Int32]]) -> MicroBatch {
    var batch = MicroBatch()
    for (index, (row, target)) in zip(ids, targets).enumerated() {
        batch.sequences.append(
            .init(start: batch.tokenCount, count: row.count, exampleID: UInt32(index)))
        batch.tokenIDs += row
        batch.targets += target.map { $0 == -100 ? MicroBatch.noTarget : $0 }
    }
    return batch
}

/// ‖a − b‖ ÷ ‖b‖
func relativeDifference(_ a: [Float], _ b: [Float]) -> Double {
    guard a.count == b.count else { return .infinity }
    var (difference, norm) = (0.0, 0.0)
    for (x, y) in zip(a, b) {
        difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
        norm += Double(y) * Double(y)
    }
    return (difference / norm).squareRoot()
}

/// The tensors of a small Float32 safetensors file, in memory.
struct MemoryWeights: WeightSource {
    struct Entry: Decodable {
        var dtype: String
        var shape: [Int]
        var dataOffsets: [Int]

        enum CodingKeys: String, CodingKey {
            case dtype, shape
            case dataOffsets = "data_offsets"
        }
    }

    struct Missing: Error { var name: String }

    var tensors: [String: (shape: [Int], values: Vector)] = [:]

    init(safetensors data: Data) throws {
        let headerCount = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = data.dropFirst(8).prefix(headerCount)
        var object = try JSONSerialization.jsonObject(with: header) as? [String: Any] ?? [:]
        object["__metadata__"] = nil
        let entries = try JSONDecoder().decode(
            [String: Entry].self, from: JSONSerialization.data(withJSONObject: object))
        let body = Data(data.dropFirst(8 + headerCount))
        for (name, entry) in entries where entry.dtype == "F32" {
            let bytes = Array(body[entry.dataOffsets[0]..<entry.dataOffsets[1]])
            let values = stride(from: 0, to: bytes.count, by: 4).map { at in
                Float(
                    bitPattern: UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16
                        | UInt32(bytes[at + 3]) << 24)
            }
            tensors[name] = (entry.shape, Vector(values))
        }
    }

    func hasTensor(named name: String) -> Bool { tensors[name] != nil }

    func tensor(named name: String, shape: [Int]) throws -> Vector {
        guard let found = tensors[name], found.shape == shape else { throw Missing(name: name) }
        return found.values
    }
}
