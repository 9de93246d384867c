import Adapters
import Foundation
import Layers
import Tensors
import Testing
import Transformers

/// What preflight says of memory, against what a workspace really comes to hold.
@Suite struct WorkspaceEstimateTests {
    /// Weights of small numbers: memory depends on shapes alone.
    private struct ConstantWeights: WeightSource {
        func hasTensor(named name: String) -> Bool { name != "lm_head.weight" }
        func tensor(named name: String, shape: [Int]) throws -> Vector {
            Vector([Float](repeating: 0.01, count: shape.reduce(1, *)))
        }
    }

    private static let configurations = [
        """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 2000, "hidden_size": 192,
         "intermediate_size": 512, "num_hidden_layers": 12, "num_attention_heads": 6, "num_key_value_heads": 2,
         "hidden_act": "silu", "max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "tie_word_embeddings": true}
        """,
        """
        {"model_type": "gpt2", "vocab_size": 2000, "n_embd": 192, "n_layer": 12, "n_head": 6, "n_positions": 1024}
        """,
    ]

    enum Method: CaseIterable {
        case adapters, magnitudes, headBesideAdapters, lastBlocks, everything

        func parts(of configuration: any DecoderConfiguration) -> TrainedParts {
            switch self {
            case .adapters:
                TrainedParts(
                    adapters: Dictionary(
                        uniqueKeysWithValues: configuration.linearModules.filter { !$0.isOutputHead }.map {
                            ($0.name, LoRAModuleSettings(loraRank: 8, loraScaling: 2))
                        }))
            case .magnitudes:
                TrainedParts(
                    adapters: Dictionary(
                        uniqueKeysWithValues: configuration.linearModules.filter { !$0.isOutputHead }.map {
                            ($0.name, LoRAModuleSettings(loraRank: 8, loraScaling: 2, usesDoRA: true))
                        }))
            case .headBesideAdapters:
                TrainedParts(
                    adapters: Dictionary(
                        uniqueKeysWithValues: configuration.linearModules.filter {
                            $0.layer == 6 && ($0.name.hasSuffix("up_proj") || $0.name.hasSuffix("c_fc"))
                        }.map { ($0.name, LoRAModuleSettings(loraRank: 8, loraScaling: 2)) }),
                    copies: ["lm_head.weight": "base_model.model.lm_head.weight"])
            case .lastBlocks:
                TrainedParts(
                    tensors: Set(
                        configuration.weightShapes(lastBlocks: 4, finalNorm: true, head: false)
                            .map(\.name)))
            case .everything: TrainedParts(tensors: Set(configuration.weightShapes.map(\.name)))
            }
        }
    }

    @Test(
        "the estimate is within 15 % of what a thread's workspace holds",
        arguments: [(512, 512, 1), (512, 32, 1), (384, 384, 8), (600, 100, 2)], Method.allCases)
    func estimateIsClose(_ extent: (tokens: Int, supervised: Int, sequences: Int), method: Method) throws {
        let (tokens, supervised, sequences) = extent
        for json in Self.configurations {
            let any = try ModelRegistry.configuration(json: Data(json.utf8))
            let configuration = try #require(any as? any DecoderConfiguration)
            let kept = try check(configuration, method, tokens, supervised, sequences, recomputes: false)
            let less = try check(configuration, method, tokens, supervised, sequences, recomputes: true)
            // All but the logits' share, which is the same.
            if method != .headBesideAdapters, method != .lastBlocks {
                #expect(less < kept * 2 / 3, "\(configuration.modelType): \(kept) kept, else \(less)")
            }
        }
    }

    private func check(
        _ configuration: any DecoderConfiguration, _ method: Method, _ tokens: Int, _ supervised: Int,
        _ sequences: Int, recomputes: Bool
    ) throws -> Int {
        let trained = method.parts(of: configuration)
        let model = try CausalDecoder(
            configuration: configuration, weights: ConstantWeights(), trained: trained)
        let length = tokens / sequences
        let batch = MicroBatch(
            tokenIDs: (0..<tokens).map { Int32($0 % 2000) },
            // At the end of each sequence: what lies behind the last target is not computed.
            targets: (0..<tokens).map {
                $0 % length >= length - supervised / sequences ? 7 : MicroBatch.noTarget
            },
            sequences: (0..<sequences).map {
                .init(start: $0 * length, count: length, exampleID: UInt32($0))
            })
        let workspace = model.makeWorkspace()
        let parameters = Vector(zeros: model.trainable.count)
        let gradient = Vector(zeros: model.trainable.count)
        // The second pass joins what the first one took in pieces.
        for step in 1...2 {
            _ = try model.gradient(
                of: batch, parameters: parameters, into: gradient,
                pass: TrainingPass(seed: 1, step: UInt32(step), memory: .init(recomputes: recomputes)),
                workspace: workspace)
        }
        let estimate = configuration.workspaceByteCount(
            for: BatchExtent(tokenCount: tokens, supervisedCount: supervised, longestSequence: length),
            trained: trained, recomputesActivations: recomputes)
        let ratio = Double(estimate) / Double(workspace.byteCount)
        #expect(
            (0.85...1.15).contains(ratio),
            "\(configuration.modelType): \(estimate) estimated, \(workspace.byteCount) held")
        return workspace.byteCount
    }
}
