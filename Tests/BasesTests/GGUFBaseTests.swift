import Bases
import DurableFiles
import Foundation
import Tensors
import Testing
import WeightFiles

@Suite struct GGUFBaseTests {
    @Test(arguments: ["llama", "qwen2", "qwen3", "gpt2"])
    func everyTensorHasTheBitsThatTransformersReads(_ architecture: String) throws {
        let directory = try TemporaryDirectory()
        let base = try Base(path: fixture("\(architecture).gguf"), cache: directory.cache, logger: quiet)
        let golden = try SafetensorsFile(path: fixture("\(architecture).safetensors"))
        #expect(base.tensorNames == golden.tensors.map(\.name).sorted())
        for tensor in golden.tensors {
            let expected = Vector(try golden.floats(of: tensor)).toArray()
            let found = try base.tensor(named: tensor.name, shape: tensor.shape).toArray()
            let differing = expected.indices.first { expected[$0].bitPattern != found[$0].bitPattern }
            #expect(differing == nil, "\(tensor.name), element \(differing ?? -1)")
        }
        #expect(base.parameterCount == golden.tensors.reduce(0) { $0 + $1.elementCount })
        #expect(base.kind == .gguf)
    }

    @Test func aLlamaFileGivesTheConfigurationHuggingFaceWouldWrite() throws {
        let description = try BaseDescription(path: fixture("llama.gguf"))
        let text = String(decoding: description.configuration, as: UTF8.self)
        let expected = """
            {
              "architectures" : [
                "LlamaForCausalLM"
              ],
              "attention_bias" : false,
              "bos_token_id" : 1,
              "eos_token_id" : 2,
              "head_dim" : 8,
              "hidden_act" : "silu",
              "hidden_size" : 32,
              "intermediate_size" : 64,
              "max_position_embeddings" : 65536,
              "model_type" : "llama",
              "num_attention_heads" : 4,
              "num_hidden_layers" : 1,
              "num_key_value_heads" : 2,
              "rms_norm_eps" : 1e-05,
              "rope_scaling" : {
                "factor" : 8,
                "high_freq_factor" : 4,
                "low_freq_factor" : 1,
                "original_max_position_embeddings" : 8192,
                "rope_type" : "llama3"
              },
              "rope_theta" : 500000,
              "tie_word_embeddings" : false,
              "torch_dtype" : "float32",
              "vocab_size" : 40
            }
            """
        #expect(text == expected)
        #expect(description.modelType == "llama")
        #expect(
            description.tensors.first { $0.name == "model.layers.0.self_attn.q_proj.weight" }?.elementType
                == "Q4_1")
        #expect(
            description.metadata.contains { $0.key == "tokenizer.ggml.tokens" && $0.value == "40 strings" })
    }

    @Test func aQwenFileHasATiedHeadAndNoRotaryScaling() throws {
        let text = String(
            decoding: try BaseDescription(path: fixture("qwen2.gguf")).configuration, as: UTF8.self)
        #expect(text.contains("\"tie_word_embeddings\" : true"))
        #expect(text.contains("\"model_type\" : \"qwen2\""))
        #expect(!text.contains("rope_scaling"))
        #expect(!text.contains("attention_bias"))
    }

    @Test func aGPT2FileIsTransposedAndHasTheDigestOfItsDirectory() throws {
        let directory = try TemporaryDirectory()
        let base = try Base(path: fixture("gpt2.gguf"), cache: directory.cache, logger: quiet)
        let text = String(decoding: base.configuration, as: UTF8.self)
        #expect(text.contains("\"model_type\" : \"gpt2\"") && text.contains("\"n_positions\" : 1024"))
        #expect(text.contains("\"tie_word_embeddings\" : true") && !text.contains("n_inner"))
        #expect(base.shape(ofTensor: "transformer.h.0.attn.c_attn.weight") == [32, 96])
        #expect(base.shape(ofTensor: "transformer.h.0.mlp.c_proj.weight") == [128, 32])
        let described = try BaseDescription(path: fixture("gpt2.gguf")).tensors
        #expect(described.first { $0.storedName == "blk.0.ffn_up.weight" }?.shape == [32, 128])

        // The same model as transformers saves it: other keys, defaults left out, no prefix, old masks.
        let golden = try SafetensorsFile(path: fixture("gpt2.safetensors"))
        var tensors = try golden.tensors.map { tensor in
            SafetensorsWriter.Tensor(
                name: tensor.name.replacingOccurrences(of: "transformer.", with: ""), shape: tensor.shape,
                values: Vector(try golden.floats(of: tensor)))
        }
        tensors.append(.init(name: "h.0.attn.bias", shape: [1, 1, 2, 2], values: Vector([1, 0, 1, 1])))
        let path = try directory.makeModel(
            configuration: """
                {"model_type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 4, "n_positions": 1024, "vocab_size": 40,
                 "n_inner": null, "layer_norm_epsilon": 1e-05, "activation_function": "gelu_new", "attn_pdrop": 0.1}
                """, tensors: tensors)
        let same = try Base(path: path, cache: directory.cache, logger: quiet)
        #expect(same.tensorNames == base.tensorNames && same.digest == base.digest)
        #expect(same.mappedFiles == [path + "/model.safetensors"])
    }

    @Test func anEmbeddingWrittenOnceMoreIsATiedHeadAndAnotherMatrixIsNone() throws {
        let directory = try TemporaryDirectory()
        let base = try Base(path: fixture("gpt2.gguf"), cache: directory.cache, logger: quiet)
        #expect(!base.hasTensor(named: "lm_head.weight"))
        // The head is the file's last tensor, with 16 bytes of padding behind it.
        var data = try Data(contentsOf: URL(fileURLWithPath: fixture("gpt2.gguf")))
        data[data.count - 17] ^= 1
        let path = directory.file("other.gguf")
        try data.write(to: URL(fileURLWithPath: path))
        let other = try Base(path: path, cache: directory.cache, logger: quiet)
        #expect(other.hasTensor(named: "lm_head.weight"))
        let text = String(decoding: other.configuration, as: UTF8.self)
        #expect(text.contains("\"tie_word_embeddings\" : false"))
    }

    @Test func handsOverTheTokenizer() throws {
        let directory = try TemporaryDirectory()
        let base = try Base(path: fixture("llama.gguf"), cache: directory.cache, logger: quiet)
        guard case .gguf(let metadata) = base.tokenizer else {
            Issue.record("not from a GGUF file")
            return
        }
        #expect(metadata.model == "gpt2" && metadata.preTokenizer == "llama-bpe")
        #expect(metadata.tokens.count == 40 && metadata.tokens[3] == "<3>")
        #expect(metadata.tokenTypes.prefix(2) == [3, 1])
        #expect(metadata.merges == ["< 1", "<1 >"])
        #expect(metadata.bosTokenID == 1 && metadata.eosTokenID == 2 && metadata.paddingTokenID == nil)
        #expect(metadata.addsBOS == true && metadata.addsEOS == nil)
        #expect(metadata.chatTemplate == "{{ messages }}")
        let other = try Base(path: fixture("qwen2.gguf"), cache: directory.cache, logger: quiet)
        #expect(base.tokenizerDigest != other.tokenizerDigest)
    }

    /// The golden file with one string in it replaced by another of the same length.
    private func patched(_ old: String, _ new: String, in directory: TemporaryDirectory) throws -> String {
        var data = try Data(contentsOf: URL(fileURLWithPath: fixture("llama.gguf")))
        let range = try #require(data.range(of: Data(old.utf8)))
        #expect(old.utf8.count == new.utf8.count)
        data.replaceSubrange(range, with: Data(new.utf8))
        let path = directory.file("patched.gguf")
        try data.write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test(arguments: [
        ("blk.0.attn_v.weight", "blk.0.attn_x.weight", "attn_x"),
        ("blk.0.attn_v.weight", "blk.1.attn_v.weight", "blk.1.attn_v.weight"),
        ("blk.0.ffn_up.weight", "blk.0.ffn_up.bias__", "ffn_up"),
        ("llama.block_count", "llama.block_c0unt", "llama.block_count"),
        ("llama.attention.head_count\u{4}", "llama.attention.head_c0unt\u{4}", "llama.attention.head_count"),
        ("tokenizer.ggml.tokens", "tokenizer.ggml.t0kens", "tokenizer.ggml"),
        ("general.architecture", "general.architectura", "general.architecture"),
    ])
    func whatAFileLacksIsNamed(_ old: String, _ new: String, _ named: String) throws {
        let directory = try TemporaryDirectory()
        let path = try patched(old, new, in: directory)
        let error = #expect(throws: (any Error).self) {
            try Base(path: path, cache: directory.cache, logger: quiet)
        }
        #expect("\(try #require(error))".contains(named), "\(error.map { "\($0)" } ?? "")")
        #expect(try directory.cache.list().isEmpty)
    }

    @Test func anArchitectureThatIsNotReadIsRefusedByName() throws {
        let directory = try TemporaryDirectory()
        let path = try patched("\u{5}\0\0\0\0\0\0\0llama", "\u{5}\0\0\0\0\0\0\0gemma", in: directory)
        let error = #expect(throws: BaseError.self) {
            try Base(path: path, cache: directory.cache, logger: quiet)
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("architecture 'gemma' is not supported") == true)
    }

    @Test func aCutFileIsRefusedAndLeavesNothing() throws {
        let directory = try TemporaryDirectory()
        let data = try Data(contentsOf: URL(fileURLWithPath: fixture("llama.gguf")))
        let path = directory.file("cut.gguf")
        try data.prefix(data.count - 400).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: WeightFileError.self) {
            try Base(path: path, cache: directory.cache, logger: quiet)
        }
        #expect(error?.code == .truncated)
        #expect(try directory.cache.list().isEmpty)
    }

    /// The quickstart's base. Its tensors were compared with transformers 5.23.0's, which gave this digest.
    @Test(
        .enabled(if: FileManager.default.fileExists(atPath: GGUFBaseTests.smolLM2) && GGUFBaseTests.runsAll))
    func smolLM2IsWhatTransformersReads() throws {
        let directory = try TemporaryDirectory()
        let base = try Base(path: GGUFBaseTests.smolLM2, cache: directory.cache, logger: quiet)
        #expect(base.parameterCount == 134_515_008)
        #expect(base.tensorNames.count == 272)
        #expect(!base.hasTensor(named: "lm_head.weight"))
        var lines = DigestStream()
        for name in base.tensorNames {
            let tensor = try base.tensor(named: name, shape: base.shape(ofTensor: name) ?? [])
            var stream = DigestStream()
            tensor.withByteSpan { stream.update($0) }
            lines.update("\(name) \(stream.finish().hex)\n")
        }
        // From make_base_goldens.py with this file as its argument.
        #expect(lines.finish().hex == "e9ba9e15d07a2e3e1b7c899279e4b3847451f24e73819edfdd3dff845b6ff26a")
        let start = ContinuousClock.now
        let again = try Base(path: GGUFBaseTests.smolLM2, cache: directory.cache, logger: quiet)
        let elapsed = ContinuousClock.now - start
        #expect(again.digest == base.digest)
        #expect(elapsed < .seconds(2), "design asks for 0.5 s in a release build, took \(elapsed)")
    }

    /// Seconds of a debug build, so not in every run: scripts/test --all.
    static let runsAll = ["SHOAL_TEST_ALL", "SHOAL_SMOLLM2"].contains {
        ProcessInfo.processInfo.environment[$0] != nil
    }

    static let smolLM2 =
        ProcessInfo.processInfo.environment["SHOAL_SMOLLM2"]
        ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("data/SmolLM2-135M-Instruct.Q4_1.gguf").path
}
