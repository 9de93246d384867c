import Foundation
import Kernels
import Layers
import Testing
import Transformers

@Suite struct GPT2ConfigurationTests {
    private func json(_ changes: [String: Any] = [:]) throws -> Data {
        // As openai-community/gpt2 has it, without what only other tasks read.
        var keys: [String: Any] = [
            "model_type": "gpt2", "activation_function": "gelu_new", "attn_pdrop": 0.1, "embd_pdrop": 0.1,
            "layer_norm_epsilon": 1e-05, "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12,
            "n_positions": 1024, "resid_pdrop": 0.1, "vocab_size": 50257, "eos_token_id": 50256,
        ]
        for (key, value) in changes { keys[key] = value }
        return try JSONSerialization.data(withJSONObject: keys)
    }

    @Test("GPT-2 small's modules and tensors are those of transformers")
    func readsGPT2Small() throws {
        let configuration = try ModelRegistry.configuration(json: json())
        #expect(configuration.modelType == "gpt2" && configuration.contextLength == 1024)
        // 124,439,808 with the tied head counted once, as transformers counts.
        #expect(configuration.parameterCount == 124_439_808)
        #expect(configuration.blockCount == 12 && configuration.endOfSequenceIDs == [50256])
        let modules = configuration.linearModules
        #expect(modules.count == 12 * 4 + 1 && modules.map(\.index) == Array(0..<49))
        #expect(modules.filter(\.isOutputHead).map(\.name) == ["lm_head"])
        #expect(modules.filter { !$0.isTransposed }.map(\.name) == ["lm_head"])
        #expect(modules[4].name == "transformer.h.1.attn.c_attn" && modules[4].layer == 1)
        #expect(modules[4].weightShape == [768, 2304] && modules[7].weightShape == [3072, 768])
        let shapes = configuration.weightShapes
        #expect(
            shapes.prefix(4).map(\.name) == [
                "transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.ln_1.weight",
                "transformer.h.0.ln_1.bias",
            ])
        #expect(shapes[1].shape == [1024, 768] && shapes.last?.name == "transformer.ln_f.bias")
        let upper = configuration.weightShapes(lastBlocks: 1, finalNorm: true, head: true)
        #expect(upper.map(\.part).filter { $0 == .tiedEmbedding }.count == 1)
        #expect(!upper.contains { $0.name.contains("wpe") })
    }

    @Test("an inner size, another GELU and a head of its own are read")
    func readsVariants() throws {
        let configuration = try GPT2Configuration(
            json: json(["n_inner": 100, "activation_function": "gelu", "tie_word_embeddings": false]))
        #expect(configuration.innerSize == 100 && configuration.activation == .erf)
        #expect(configuration.weightShapes.last?.name == "lm_head.weight")
        #expect(try GPT2Configuration(json: json()).innerSize == 3072)
        #expect(try GPT2Configuration(json: json(["n_inner": NSNull()])).activation == .tanh)
    }

    @Test("what is not computed is refused by the name of its key")
    func refusesTheRest() throws {
        let refused: [(String, Any)] = [
            ("scale_attn_weights", false), ("scale_attn_by_inverse_layer_idx", true),
            ("reorder_and_upcast_attn", true), ("add_cross_attention", true), ("activation_function", "relu"),
            ("quantization_config", ["bits": 4]),
        ]
        for (key, value) in refused {
            let error = #expect(throws: TransformerError.self) {
                try ModelRegistry.configuration(json: json([key: value]))
            }
            #expect(error?.code == .unsupportedConfiguration && error?.context == key, "\(key)")
        }
        let invalid: [(String, Any)] = [
            ("n_head", 7), ("n_embd", 0), ("n_positions", 1), ("n_layer", 100_000), ("n_inner", -1),
            ("layer_norm_epsilon", -1.0),
        ]
        for (key, value) in invalid {
            let error = #expect(throws: TransformerError.self) {
                try ModelRegistry.configuration(json: json([key: value]))
            }
            #expect(error?.code == .invalidConfiguration, "\(key)")
        }
    }
}
