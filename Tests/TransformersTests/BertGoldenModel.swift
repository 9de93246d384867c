import Adapters
import Foundation
import Layers
import Tensors
import Transformers

/// The tiny encoders of `Tests/Fixtures/tiny-bert`, `tiny-distilbert` and `tiny-roberta` with golden values of transformers and PEFT, see
/// Tests/Fixtures/scripts/make_bert_goldens.py.
struct BertGoldenModel {
    struct Golden: Decodable {
        var ids: [[Int32]]
        var targets: [[Int32]]
        var lossSum: Double
        var learningRate: Double
        var steps: [GoldenModel.Step]
        /// The likeliest class of each sequence; empty without classes.
        var predicted: [Int]
    }

    static let families = ["bert", "distilbert", "roberta"]
    static let names = families.flatMap { ["\($0)/classification", "\($0)/mlm"] }

    let configuration: any ModelConfiguration
    let weights: MemoryWeights
    let tensors: MemoryWeights
    let golden: Golden

    init(_ name: String) throws {
        let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures")
        let base = fixtures.appending(path: "tiny-" + name.prefix { $0 != "/" })
        let read = try ModelRegistry.configuration(
            json: Data(contentsOf: base.appending(path: "config.json")))
        configuration = try read.configured(
            for: name.hasSuffix("mlm")
                ? .maskedLanguageModel : .sequenceClassification(labels: ["bad", "good", "mixed"]))
        weights = try MemoryWeights(
            safetensors: Data(contentsOf: base.appending(path: "model.safetensors")))
        let folder = fixtures.appending(path: name)
        tensors = try MemoryWeights(
            safetensors: Data(contentsOf: folder.appending(path: "golden.safetensors")))
        golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: folder.appending(path: "golden.json")))
    }

    /// r = 4 and alpha = 8 as in the script, on the modules that are wanted.
    func adapters(dropout: Float = 0, where isTarget: (LinearModule) -> Bool = { !$0.isOutputHead })
        -> [String: any LinearAdapterSettings]
    {
        let names = configuration.linearModules.filter(isTarget).map(\.name)
        let settings = LoRAModuleSettings(loraRank: 4, loraScaling: 2, dropout: dropout)
        return Dictionary(uniqueKeysWithValues: names.map { ($0, settings) })
    }

    /// The head beside the adapters.
    var headTensors: Set<String> {
        Set(configuration.weightShapes.map(\.name).filter(configuration.isOfHead))
    }

    func model(_ adapters: [String: any LinearAdapterSettings]? = nil) throws -> BertModel {
        let copies = headTensors.map { ($0, "base_model.model." + $0) }
        return try model(
            TrainedParts(
                adapters: adapters ?? self.adapters(), copies: Dictionary(uniqueKeysWithValues: copies)))
    }

    func model(_ trained: TrainedParts) throws -> BertModel {
        guard let configuration = configuration as? BertConfiguration else {
            throw MemoryWeights.Missing(name: "bert")
        }
        return try BertModel(configuration: configuration, weights: weights, trained: trained)
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
