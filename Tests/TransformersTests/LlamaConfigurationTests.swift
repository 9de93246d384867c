import Foundation
import Kernels
import Layers
import Testing
import Transformers

@Suite struct LlamaConfigurationTests {
    /// A config.json of `keys` and what every one has; nil takes a key away.
    private func json(_ keys: [String: Any?]) throws -> Data {
        var object: [String: Any] = [
            "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
            "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "rms_norm_eps": 1e-5,
            "max_position_embeddings": 8192, "tie_word_embeddings": true, "hidden_act": "silu",
            "eos_token_id": 2,
        ]
        for (key, value) in keys { object[key] = value }
        return try JSONSerialization.data(withJSONObject: object)
    }

    @Test("SmolLM2-135M's has its known parameters and modules")
    func countsParameters() throws {
        let configuration = try LlamaConfiguration(json: json(["rope_theta": 100_000]))
        #expect(configuration.parameterCount == 134_515_008)
        #expect(configuration.headDimension == 64 && configuration.ropeTheta == 100_000)
        #expect(configuration.endOfSequenceIDs == [2])
        let modules = configuration.linearModules
        #expect(modules.count == 30 * 7 + 1)
        #expect(modules.map(\.index) == Array(0..<211))
        #expect(modules.filter(\.isOutputHead).map(\.name) == ["lm_head"])
        #expect(modules[8].name == "model.layers.1.self_attn.k_proj" && modules[8].layer == 1)
        #expect(modules[8].inputCount == 576 && modules[8].outputCount == 192)
        #expect(modules[13].inputCount == 1536 && modules[13].outputCount == 576)
    }

    @Test("rope_theta and rope_scaling are read where transformers 4 and 5 put them")
    func readsRotary() throws {
        let llama3: [String: Any] = [
            "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        ]
        let four = try LlamaConfiguration(json: json(["rope_theta": 5e5, "rope_scaling": llama3]))
        let five = try LlamaConfiguration(
            json: json(["rope_parameters": llama3.merging(["rope_theta": 5e5]) { $1 }]))
        #expect(four == five && four.ropeTheta == 5e5 && four.ropeScaling?.factor == 32)
        let plain = try LlamaConfiguration(
            json: json(["rope_parameters": ["rope_type": "default", "rope_theta": 7.0]]))
        #expect(plain.ropeTheta == 7 && plain.ropeScaling == nil)
        #expect(try LlamaConfiguration(json: json(["rope_scaling": NSNull()])).ropeScaling == nil)
    }

    @Test("what would change the result and is not computed is refused by name")
    func refusesUnsupported() throws {
        let cases: [(String, Any)] = [
            ("rope_scaling", ["rope_type": "yarn", "factor": 2.0]), ("rope_scaling", ["type": "linear"]),
            ("attention_bias", true), ("mlp_bias", true), ("hidden_act", "gelu"),
            ("quantization_config", ["bits": 4]), ("layer_types", ["chunked_attention"]),
            ("rope_parameters", ["rope_type": "default", "partial_rotary_factor": 0.5]),
        ]
        for (key, value) in cases {
            let error = #expect(throws: TransformerError.self) {
                try ModelRegistry.configuration(json: json([key: value]))
            }
            #expect(
                error?.code == .unsupportedConfiguration && error?.message.contains(key) == true, "\(key)")
        }
        let other = #expect(throws: TransformerError.self) {
            try ModelRegistry.configuration(json: json(["model_type": "mamba"]))
        }
        #expect(other?.code == .unsupportedConfiguration && other?.message.contains("mamba") == true)
    }

    @Test("what is missing or out of range is invalid")
    func refusesInvalid() throws {
        let cases: [(String, Any?)] = [
            ("hidden_size", Optional<Any>.none), ("hidden_size", "big"), ("num_hidden_layers", 0),
            ("num_key_value_heads", 2), ("head_dim", 7), ("vocab_size", 1 << 40), ("rms_norm_eps", 0),
            ("num_attention_heads", 0), ("max_position_embeddings", 1),
            ("rope_scaling", ["rope_type": "llama3", "factor": 2.0]),
        ]
        for (key, value) in cases {
            let error = #expect(throws: TransformerError.self, "\(key)") {
                try LlamaConfiguration(json: json([key: value]))
            }
            #expect(error?.code == .invalidConfiguration && error?.message.contains(key) == true, "\(key)")
        }
        for text in ["", "[]", "{}", "{\"model_type\": 3}"] {
            let error = #expect(throws: TransformerError.self) {
                try ModelRegistry.configuration(json: Data(text.utf8))
            }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test("a sliding window limits the context where the model uses it")
    func slidingWindows() throws {
        let mistral = try LlamaConfiguration(json: json(["model_type": "mistral", "sliding_window": 4096]))
        #expect(mistral.contextLength == 4096)
        let unused = try LlamaConfiguration(
            json: json(["model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": false]))
        #expect(unused.contextLength == 8192 && unused.hasQueryKeyValueBias)
        let used = try LlamaConfiguration(
            json: json(["model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true]))
        #expect(used.contextLength == 4096)
    }

    @Test("the registry knows its families, those of Llama by the same keys")
    func registryKnows() throws {
        #expect(
            ModelRegistry.modelTypes == [
                "bert", "distilbert", "gpt2", "llama", "mistral", "qwen2", "qwen3", "roberta",
            ])
        for modelType in ["llama", "mistral", "qwen2", "qwen3"] {
            let configuration = try ModelRegistry.configuration(json: json(["model_type": modelType]))
            #expect(configuration.modelType == modelType && configuration.contextLength == 8192)
        }
    }
}
