import Configurations
import Datasets
import Foundation
import Telemetry
import Tensors
import Testing
import Training
import WeightFiles

/// LoRA's variants and placements against PEFT's own: the same names on disk, ten steps, the loss after them.
@Suite struct VariantRunTests {
    private struct Expected: Decodable {
        let losses: [Double]
        let norms: [Double]
        let finalLoss: Double

        private enum CodingKeys: String, CodingKey {
            case losses, norms
            case finalLoss = "final_loss"
        }
    }

    private static let folder = TrainingFixture.fixtures + "/training/variants"

    /// What make_variant_goldens.py gives `LoraConfig`.
    private static func configure(_ configuration: inout RunConfiguration, as variant: String) throws {
        configuration.adapter.initFrom = "\(folder)/\(variant)/initial"
        configuration.adapter.targetModules = .names(["q_proj", "down_proj"])
        switch variant {
        case "rslora": configuration.adapter.useRSLoRA = true
        case "patterns":
            configuration.adapter.targetModules = .names(["q_proj", "k_proj", "up_proj"])
            configuration.adapter.rankPattern = OrderedMap([
                .init(key: "up_proj", value: 2), .init(key: "layers.1.self_attn.q_proj", value: 6),
            ])
            configuration.adapter.alphaPattern = OrderedMap([
                .init(key: "k_proj", value: 3), .init(key: "self_attn.q_proj", value: 12),
            ])
        case "rslora-patterns":
            configuration.adapter.useRSLoRA = true
            configuration.adapter.rankPattern = OrderedMap([.init(key: "down_proj", value: 2)])
            configuration.adapter.alphaPattern = OrderedMap([.init(key: "layers.0.*down_proj", value: 5)])
        case "layers":
            configuration.adapter.targetModules = .names(["v_proj", "o_proj", "gate_proj"])
            configuration.adapter.layersToTransform = [1]
        case "regex":
            configuration.adapter.targetModules = .pattern(
                #".*layers\.0\.(self_attn\.[qv]_proj|mlp\.up_proj)"#)
        default:
            configuration.training.learningRate = 5e-3 / 4
            configuration.training.loraPlusRatio = 8
        }
    }

    @Test(
        "ten steps have PEFT's losses and norms, end in its tensors, and its trained adapter has its loss",
        arguments: ["rslora", "patterns", "rslora-patterns", "layers", "regex", "loraplus"])
    func tenSteps(variant: String) async throws {
        let all = try JSONDecoder().decode(
            [String: Expected].self, from: Data(contentsOf: URL(filePath: Self.folder + "/variants.json")))
        let expected = try #require(all[variant])
        var fixture = TrainingFixture()
        defer { fixture.remove() }
        try Self.configure(&fixture.configuration, as: variant)
        _ = try await fixture.trainedBytes()
        let records = try StepLog<StepRecord>.read(fixture.path("run/metrics.jsonl"))
        try #require(records.count == 10)
        for (record, index) in zip(records, 0...) {
            #expect(
                abs(record.loss / expected.losses[index] - 1) <= 1e-4, "loss of step \(record.step)")
            #expect(
                abs(record.gradientNorm / expected.norms[index] - 1) <= 1e-3, "norm of step \(record.step)")
        }
        let trained = try SafetensorsFile(path: fixture.path("run/adapter/adapter_model.safetensors"))
        let golden = try SafetensorsFile(path: "\(Self.folder)/\(variant)/final/adapter_model.safetensors")
        #expect(trained.tensors.map(\.name).sorted() == golden.tensors.map(\.name).sorted())
        for tensor in golden.tensors {
            let found = Vector(try trained.floats(of: try trained.requireTensor(named: tensor.name)))
                .toArray()
            let wanted = Vector(try golden.floats(of: tensor)).toArray()
            let difference = zip(found, wanted).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
            let size = wanted.reduce(0.0) { $0 + pow(Double($1), 2) }
            #expect((difference / size).squareRoot() <= 1e-2, "\(tensor.name)")
        }
        let model = try await InferenceModel(
            base: fixture.configuration.base, adapter: "\(Self.folder)/\(variant)/final",
            logger: TrainingFixture.logger)
        let evaluator = try Evaluator(
            model: model, paths: fixture.configuration.data.train, data: DataSection(),
            maxTokensPerMicroBatch: 512, threadCount: 1)
        #expect(abs(try evaluator.run().loss / expected.finalLoss - 1) <= 1e-4)
    }
}
