import Bases
import Foundation
import Training
import WeightFiles

/// Bases as Hugging Face directories: configuration, sharded weights and tokenizer, up to a model that could train.
public final class BaseTarget: FuzzTarget {
    public static let name = "base"
    public let corpus: [FuzzInput]
    public let words =
        SafetensorsBytes.words
        + [
            "model_type", "llama", "qwen2", "mistral", "vocab_size", "hidden_size", "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act", "silu",
            "max_position_embeddings",
            "rms_norm_eps", "rope_theta", "rope_scaling", "llama3", "factor", "tie_word_embeddings",
            "torch_dtype",
            "sliding_window", "weight_map", "model.norm.weight", "../", "eos_token_id", "layer_types",
        ].map { Array($0.utf8) }
    private let workspace: FuzzWorkspace
    private var executions = 0

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        // One set of weights for all, so that most inputs are small.
        let weights = try workspace.fixture("tiny-base/model.safetensors")
        _ = try workspace.write("model-00001-of-00001.safetensors", weights)
        let names = try SafetensorsFile(path: workspace.folder + "/model-00001-of-00001.safetensors").tensors
            .map { #""\#($0.name)":"model-00001-of-00001.safetensors""# }
        let index = Array(
            (#"{"metadata":{"total_size":1},"weight_map":{\#(names.joined(separator: ","))}}"#).utf8)
        corpus = try ["config.json", "with-rope-scaling"].map { kind in
            var configuration = String(
                decoding: try workspace.fixture("tiny-base/config.json"), as: UTF8.self)
            if kind != "config.json" {
                configuration = configuration.replacingOccurrences(
                    of: "\"vocab_size\"",
                    with: #""rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"#
                        + #""high_freq_factor":4.0,"original_max_position_embeddings":64},"vocab_size""#)
            }
            return FuzzInput([
                .init("config.json", Array(configuration.utf8)), .init("model.safetensors.index.json", index),
                .init("tokenizer.json", try workspace.fixture("tiny-base/tokenizer.json")),
                .init("tokenizer_config.json", try workspace.fixture("tiny-base/tokenizer_config.json")),
            ])
        }
        guard try corpus.allSatisfy({ try execute($0) }) else {
            throw FuzzFailure("a well-formed base is refused")
        }
    }

    public func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator) {
        // The tokenizer has a target of its own.
        let index = mutator.random.pick([0, 0, 0, 0, 1, 1, 3])
        mutator.mutate(&input.parts[index].bytes, other: mutator.random.pick(other.parts).bytes, words: words)
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        executions += 1
        let cache = workspace.folder + "/cache"
        if executions % 200 == 0 { try? FileManager.default.removeItem(atPath: cache) }
        for part in input.parts { _ = try workspace.write(part.name, part.bytes) }
        guard
            let base = try? LoadedBase(
                base: try Base(path: workspace.folder, cache: CacheStore(root: cache))),
            (try? AdaptedModel.bare(base)) != nil
        else { return false }
        return true
    }
}
