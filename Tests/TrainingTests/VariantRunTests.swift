import Adapters
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
        case "save-head": configuration.adapter.modulesToSave = ["lm_head"]
        case "save-embedding": configuration.adapter.modulesToSave = ["embed_tokens", "norm"]
        case "save-block":
            configuration.adapter.targetModules = .allLinear
            configuration.adapter.modulesToSave = ["layers.1.mlp"]
        case "bias-all": configuration.adapter.bias = .all
        case "bias-all-saved":
            configuration.adapter.bias = .all
            configuration.adapter.modulesToSave = ["layers.1.self_attn.v_proj"]
        case "bias-lora-only":
            configuration.adapter.targetModules = .names(["v_proj", "o_proj"])
            configuration.adapter.bias = .loraOnly
        case "dora": configuration.adapter.useDoRA = true
        case "dora-patterns":
            configuration.adapter.targetModules = .names(["q_proj", "up_proj"])
            configuration.adapter.useDoRA = true
            configuration.adapter.useRSLoRA = true
            configuration.adapter.rankPattern = OrderedMap([.init(key: "up_proj", value: 2)])
            configuration.adapter.modulesToSave = ["model.norm"]
        case "embedding": configuration.adapter.targetModules = .names(["q_proj", "embed_tokens"])
        case "dora-embedding":
            configuration.adapter.targetModules = .names(["embed_tokens", "lm_head"])
            configuration.adapter.useDoRA = true
        default:
            if variant == "embedding-loraplus" {
                configuration.adapter.targetModules = .names(["embed_tokens", "up_proj"])
            }
            configuration.adapter.useDoRA = variant.hasPrefix("dora")
            configuration.training.learningRate = 5e-3 / 4
            configuration.training.loraPlusRatio = 8
        }
    }

    /// tiny-base as the Qwen2 model with made-up biases that make_variant_goldens.py trains on.
    private static func makeBaseWithBiases(at path: String) throws {
        let source = TrainingFixture.fixtures + "/tiny-base"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: "\(path)/\(name)")
        }
        let configuration = try String(contentsOfFile: source + "/config.json", encoding: .utf8)
            .replacing("LlamaForCausalLM", with: "Qwen2ForCausalLM").replacing("\"llama\"", with: "\"qwen2\"")
        try configuration.write(toFile: path + "/config.json", atomically: true, encoding: .utf8)
        let file = try SafetensorsFile(path: source + "/model.safetensors")
        var tensors = try file.tensors.map {
            SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, values: Vector(try file.floats(of: $0)))
        }
        for layer in 0..<2 {
            for (module, count) in [("q_proj", 32), ("k_proj", 16), ("v_proj", 16)] {
                let name = "model.layers.\(layer).self_attn.\(module).bias"
                let seed = name.utf8.count + layer
                let values = (0..<count).map { Float(Double(($0 * 37 + seed * 101) % 97) / 97 - 0.5) }
                tensors.append(.init(name: name, shape: [count], values: Vector(values)))
            }
        }
        try SafetensorsWriter.write(tensors, metadata: [:], to: path + "/model.safetensors")
    }

    /// Checks losses and norms of a run's ten steps.
    private static func check(_ fixture: TrainingFixture, _ expected: Expected) throws {
        let records = try StepLog<StepRecord>.read(fixture.path("run/metrics.jsonl"))
        try #require(records.count == 10)
        for (record, index) in zip(records, 0...) {
            #expect(
                abs(record.loss / expected.losses[index] - 1) <= 1e-4, "loss of step \(record.step)")
            #expect(
                abs(record.gradientNorm / expected.norms[index] - 1) <= 1e-3, "norm of step \(record.step)")
        }
    }

    private static func expected(_ variant: String) throws -> Expected {
        let all = try JSONDecoder().decode(
            [String: Expected].self, from: Data(contentsOf: URL(filePath: folder + "/variants.json")))
        return try #require(all[variant])
    }

    private static func finalLoss(_ fixture: TrainingFixture, adapter: String) async throws -> Double {
        let model = try await InferenceModel(
            base: fixture.configuration.base, adapter: adapter, logger: TrainingFixture.logger)
        let evaluator = try Evaluator(
            model: model, paths: fixture.configuration.data.train, data: DataSection(),
            maxTokensPerMicroBatch: 512, threadCount: 1)
        return try evaluator.run().loss
    }

    @Test(
        "ten steps from PiSSA's own beginning have PEFT's losses, and the plain LoRA that is written makes PEFT's change"
    )
    func pissa() async throws {
        let expected = try Self.expected("pissa")
        var fixture = TrainingFixture()
        defer { fixture.remove() }
        fixture.configuration.adapter.initFrom = nil
        fixture.configuration.adapter.targetModules = .names(["q_proj", "up_proj", "down_proj"])
        fixture.configuration.adapter.alphaPattern = OrderedMap([.init(key: "up_proj", value: 12)])
        fixture.configuration.adapter.initialWeights = .pissa(iterations: nil)
        _ = try await fixture.trainedBytes()
        try Self.check(fixture, expected)
        let loss = try await Self.finalLoss(fixture, adapter: fixture.path("run/adapter"))
        #expect(abs(loss / expected.finalLoss - 1) <= 1e-4)

        // B · A less what it began as: singular vectors have no sign of their own.
        func change(_ module: String, _ file: SafetensorsFile) throws -> Matrix {
            func matrix(_ letter: String) throws -> Matrix {
                let tensor = try file.requireTensor(named: "base_model.model.\(module).lora_\(letter).weight")
                return Vector(try file.floats(of: tensor)).matrix(
                    rows: tensor.shape[0], columns: tensor.shape[1])
            }
            let (a, b) = (try matrix("A"), try matrix("B"))
            let result = Matrix(rows: b.rows, columns: a.columns)
            for row in 0..<b.rows {
                for column in 0..<a.columns {
                    result.row(row)[column] = (0..<a.rows).reduce(0) {
                        $0 + b.row(row)[$1] * a.row($1)[column]
                    }
                }
            }
            return result
        }
        let written = try SafetensorsFile(path: fixture.path("run/adapter/adapter_model.safetensors"))
        let first = try SafetensorsFile(path: Self.folder + "/pissa/initial/adapter_model.safetensors")
        let last = try SafetensorsFile(path: Self.folder + "/pissa/final/adapter_model.safetensors")
        for module in ["self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"] {
            let name = "model.layers.1.\(module)"
            let found = try change(name, written).toArray()
            let wanted = zip(try change(name, last).toArray(), try change(name, first).toArray()).map {
                $0 - $1
            }
            let difference = zip(found, wanted).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
            let size = wanted.reduce(0.0) { $0 + pow(Double($1), 2) }
            #expect((difference / size).squareRoot() <= 1e-2, "\(name)")
        }
    }

    @Test("PEFT's own adapter that began with PiSSA belongs to a changed base, and is refused")
    func unconvertedPiSSA() async throws {
        var fixture = TrainingFixture()
        defer { fixture.remove() }
        let error = await #expect(throws: AdapterError.self) {
            try await InferenceModel(
                base: fixture.configuration.base, adapter: Self.folder + "/pissa/final",
                logger: TrainingFixture.logger)
        }
        #expect(error?.message.contains("path_initial_model_for_weight_conversion") == true)
        fixture.configuration.adapter.initialWeights = .pissa(iterations: 2)
        let both = await #expect(throws: AdapterError.self) { try await fixture.begin() }
        #expect(both?.message.contains("init_from") == true)
    }

    @Test(
        "ten steps have PEFT's losses and norms, end in its tensors, and its trained adapter has its loss",
        arguments: [
            "rslora", "patterns", "rslora-patterns", "layers", "regex", "loraplus", "save-head",
            "save-embedding",
            "save-block", "bias-all", "bias-all-saved", "bias-lora-only", "dora", "dora-patterns",
            "dora-loraplus",
            "embedding", "dora-embedding", "embedding-loraplus",
        ])
    func tenSteps(variant: String) async throws {
        let expected = try Self.expected(variant)
        var fixture = TrainingFixture()
        defer { fixture.remove() }
        try Self.configure(&fixture.configuration, as: variant)
        if variant.hasPrefix("bias") {
            fixture.configuration.base = fixture.path("base")
            try Self.makeBaseWithBiases(at: fixture.configuration.base)
        }
        _ = try await fixture.trainedBytes()
        try Self.check(fixture, expected)
        let trained = try SafetensorsFile(path: fixture.path("run/adapter/adapter_model.safetensors"))
        let golden = try SafetensorsFile(path: "\(Self.folder)/\(variant)/final/adapter_model.safetensors")
        // PEFT writes the unchanged matrix of an adapted embedding, too, and biases of what is saved three times.
        let tensors = golden.tensors.filter { tensor in
            [".embed_tokens.base_layer.", ".original_module.", ".modules_to_save."].allSatisfy {
                !tensor.name.contains($0)
            }
        }
        #expect(trained.tensors.map(\.name).sorted() == tensors.map(\.name).sorted())
        for tensor in tensors {
            let found = Vector(try trained.floats(of: try trained.requireTensor(named: tensor.name)))
                .toArray()
            let wanted = Vector(try golden.floats(of: tensor)).toArray()
            let difference = zip(found, wanted).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
            let size = wanted.reduce(0.0) { $0 + pow(Double($1), 2) }
            #expect((difference / size).squareRoot() <= 1e-2, "\(tensor.name)")
        }
        let loss = try await Self.finalLoss(fixture, adapter: "\(Self.folder)/\(variant)/final")
        #expect(abs(loss / expected.finalLoss - 1) <= 1e-4)
    }
}
