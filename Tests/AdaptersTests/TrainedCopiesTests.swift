import Adapters
import Layers
import Testing

/// `modules_to_save` and `bias`: which tensors are trained whole, and what they are called in a PEFT file. That PEFT's own
/// files have these names is what VariantRunTests holds against.
@Suite("Tensors trained beside an adapter")
struct TrainedCopiesTests {
    private static let modules = [
        LinearModule(name: "h.0.q_proj", inputCount: 4, outputCount: 4, index: 0, layer: 0),
        LinearModule(name: "h.0.mlp.up", inputCount: 4, outputCount: 8, index: 1, layer: 0),
        LinearModule(name: "lm_head", inputCount: 4, outputCount: 9, index: 2, isOutputHead: true),
    ]
    private static let tensors = [
        "wte.weight", "h.0.input_norm.weight", "h.0.q_proj.weight", "h.0.q_proj.bias", "h.0.mlp.up.weight",
        "h.0.mlp.up.bias", "norm.weight", "norm.bias", "lm_head.weight",
    ]

    private static func place(
        _ targets: [String], saving: [String] = [], bias: LoRAConfiguration.Bias = .none,
        requiresEveryMatch: Bool = true
    ) throws -> AdapterPlacement {
        var configuration = LoRAConfiguration()
        configuration.targets = targets == ["all-linear"] ? .allLinear : .names(targets)
        configuration.modulesToSave = saving
        configuration.bias = bias
        return try AdapterPlacement(
            configuration, modules: modules, tensors: tensors, requiresEveryMatch: requiresEveryMatch)
    }

    @Test("a module whose name ends in one that is given is saved, with all it holds, and is not adapted")
    func saved() throws {
        let head = try Self.place(["q_proj"], saving: ["lm_head"])
        #expect(head.copies == ["lm_head.weight": "base_model.model.lm_head.weight"])
        #expect(head.parts.unties && head.parts.tensors == head.copies)
        let norms = try Self.place(["q_proj"], saving: ["norm"])
        #expect(Set(norms.copies.keys) == ["h.0.input_norm.weight", "norm.weight", "norm.bias"])
        let block = try Self.place(["all-linear"], saving: ["mlp"])
        #expect(Set(block.copies.keys) == ["h.0.mlp.up.weight", "h.0.mlp.up.bias"])
        #expect(block.modules.map(\.module.name) == ["h.0.q_proj"])
        #expect(block.featureBesideLoRA?.contains("h.0.mlp.up.bias") == true)
        #expect(try Self.place(["q_proj"]).featureBesideLoRA == nil)
    }

    @Test("biases are those of the base, or of the adapted modules, whose layers PEFT wraps")
    func biases() throws {
        #expect(
            try Self.place(["q_proj"], bias: .loraOnly).copies == [
                "h.0.q_proj.bias": "base_model.model.h.0.q_proj.base_layer.bias"
            ])
        #expect(
            try Self.place(["q_proj"], bias: .all).copies == [
                "h.0.q_proj.bias": "base_model.model.h.0.q_proj.base_layer.bias",
                "h.0.mlp.up.bias": "base_model.model.h.0.mlp.up.bias",
                "norm.bias": "base_model.model.norm.bias",
            ])
        // A copy has its bias with it.
        #expect(
            try Self.place(["q_proj"], saving: ["norm"], bias: .all).copies["norm.bias"]
                == "base_model.model.norm.bias")
    }

    @Test(
        "what matches nothing, or is trained twice, is refused by name",
        arguments: [
            (["q_proj"], ["lm_haed"], .none, "lm_haed"), (["lm_head"], [], .loraOnly, "lora_only"),
            (["q_proj"], ["mlp", "up"], .none, "h.0.mlp"), (["lm_head"], ["head"], .none, "lm_head"),
            (["q_proj", "up"], ["up"], .none, "up"),
        ] as [([String], [String], LoRAConfiguration.Bias, String)])
    func refused(targets: [String], saving: [String], bias: LoRAConfiguration.Bias, named: String) {
        let error = #expect(throws: AdapterError.self) {
            try Self.place(targets, saving: saving, bias: bias)
        }
        #expect(error?.message.contains(named) == true)
    }

    @Test("an adapter from elsewhere may name heads that the base has not, as PEFT's classifiers do")
    func absentHeads() throws {
        let placed = try Self.place(
            ["q_proj"], saving: ["classifier", "lm_head"], bias: .none, requiresEveryMatch: false)
        #expect(Set(placed.copies.keys) == ["lm_head.weight"])
    }
}
