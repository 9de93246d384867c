import Adapters
import Foundation
import Layers
import Tensors
import Testing
import Transformers

/// GPT-2 small's full shape and vocabulary against transformers and PEFT, on weights that a formula gives, see
/// Tests/Fixtures/scripts/make_gpt2_small_goldens.py.
@Suite struct GPT2SmallTests {
    private struct Golden: Decodable {
        struct Gradient: Decodable {
            let name: String
            let norm: Double
            let first: [Float]
        }
        let ids: [Int32]
        let targets: [Int32]
        let lossSum: Double
        /// Of the last token, every thousandth id.
        let logits: [Float]
        let logitNorm: Double
        let gradients: [Gradient]
    }

    /// The tensors of the formula, by their place in the order of names.
    private struct FormulaWeights: WeightSource {
        let seeds: [String: Int]

        init(names: [String], firstSeed: Int = 0) {
            seeds = Dictionary(
                uniqueKeysWithValues: names.sorted().enumerated().map { ($1, firstSeed + $0) })
        }

        func hasTensor(named name: String) -> Bool { seeds[name] != nil }

        func tensor(named name: String, shape: [Int]) throws -> Vector {
            let seed = UInt64(try #require(seeds[name]))
            let isNorm = name.contains(".ln_") && name.hasSuffix("weight")
            let scale: Float = isNorm ? 0.25 : name.contains("wte") || name.contains("wpe") ? 0.0625 : 0.125
            let offset: Float = isNorm ? 1 : 0
            return Vector(
                (0..<shape.reduce(1, *)).map { index in
                    var h = (UInt64(index) &* 2_654_435_761 &+ seed &* 2_246_822_519) & 0xFFFF_FFFF
                    h ^= h >> 15
                    h = (h &* 2_246_822_519) & 0xFFFF_FFFF
                    h ^= h >> 13
                    return (Float(h >> 8) / Float(1 << 24) - 0.5) * scale + offset
                })
        }
    }

    @Test(
        "loss, logits and every LoRA gradient agree with PEFT's",
        .enabled(if: ProcessInfo.processInfo.environment["SHOAL_TEST_ALL"] != nil))
    func agreesWithPEFT() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/decoders/gpt2-small.json")
        let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
        let json = """
            {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
            """
        let configuration = try GPT2Configuration(json: Data(json.utf8))
        let settings = LoRAModuleSettings(loraRank: 4, loraScaling: 2)
        let adapters = configuration.linearModules.filter { !$0.isOutputHead }.map { ($0.name, settings) }
        let model = try CausalDecoder(
            configuration: configuration,
            weights: FormulaWeights(names: configuration.weightShapes.map(\.name)),
            trained: TrainedParts(adapters: Dictionary(uniqueKeysWithValues: adapters)))
        let parameters = Vector(zeros: model.trainable.count)
        let values = FormulaWeights(names: model.trainable.entries.map(\.name), firstSeed: 1000)
        for entry in model.trainable.entries {
            parameters[entry.range].copy(
                from: try values.tensor(named: entry.name, shape: entry.shape))
        }
        let gradient = Vector(zeros: model.trainable.count)
        let loss = try model.gradient(
            of: packed([golden.ids], [golden.targets]), parameters: parameters, into: gradient,
            pass: TrainingPass(seed: 1, step: 1), workspace: model.makeWorkspace())
        #expect(loss.tokenCount == 30 && abs(loss.lossSum / golden.lossSum - 1) <= 1e-4)
        #expect(golden.gradients.count == model.trainable.entries.count)
        for expected in golden.gradients {
            let entry = try #require(model.trainable.entry(named: expected.name))
            let found = gradient[entry.range].toArray()
            let norm = found.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(abs(norm / expected.norm - 1) <= 1e-4, "\(expected.name)")
            #expect(
                relativeDifference(Array(found.prefix(16)), expected.first) <= 1e-3, "\(expected.name)")
        }
        let logits = Vector(zeros: 50257)
        try model.logits(
            following: golden.ids, cache: model.makeCache(), parameters: parameters,
            workspace: model.makeGenerationWorkspace(threadCount: 2), into: logits)
        let all = logits.toArray()
        let some = stride(from: 0, to: all.count, by: 1000).map { all[$0] }
        #expect(relativeDifference(some, golden.logits) <= 1e-4)
        let norm = all.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(norm / golden.logitNorm - 1) <= 1e-4)
    }
}
