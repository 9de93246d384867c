import Foundation
import WeightFiles

extension GGUFConfiguration {
    /// The keys of config.json, there in snake case.
    private struct LlamaContent: Encodable {
        var architectures: [String]
        var attentionBias: Bool?
        var bosTokenId: Int?
        var eosTokenId: Int?
        var headDim: Int
        var hiddenAct = "silu"
        var hiddenSize: Int
        var intermediateSize: Int
        var maxPositionEmbeddings: Int
        var modelType: String
        var numAttentionHeads: Int
        var numHiddenLayers: Int
        var numKeyValueHeads: Int
        var padTokenId: Int?
        var rmsNormEps: Float
        var ropeScaling: RotaryFactors?
        var ropeTheta: Float
        var slidingWindow: Int?
        var tieWordEmbeddings: Bool
        var torchDtype = "float32"
        var vocabSize: Int
    }

    /// Reads the metadata of Llama and those that are built like it.
    init(llama file: GGUFFile, architecture: GGUFArchitecture) throws {
        let keys = GGUFKeys(file: file, prefix: architecture.name + ".")
        let layerCount = try keys.integer("block_count", in: 1...4096)
        let attentionHeads = try keys.integer("attention.head_count", in: 1...4096)
        let keyValueHeads =
            try keys.optionalInteger("attention.head_count_kv", in: 1...4096) ?? attentionHeads
        let hiddenSize = try keys.integer("embedding_length", in: 1...(1 << 20))
        if let experts = try keys.optionalInteger("expert_count", in: 0...65536), experts > 0 {
            throw BaseError(
                .unsupported, file.path,
                "a mixture of \(experts) experts is not supported; take a dense model")
        }
        let rotary = try keys.optionalInteger("rope.dimension_count", in: 1...4096)
        let headDimension =
            try keys.optionalInteger("attention.key_length", in: 1...4096) ?? rotary
            ?? hiddenSize / attentionHeads
        if let rotary, rotary != headDimension {
            throw BaseError(
                .unsupported, file.path,
                "only \(rotary) of \(headDimension) dimensions a head are rotary; that is not supported")
        }
        guard headDimension % 2 == 0, headDimension > 0 else {
            throw BaseError(.invalid, file.path, "\(headDimension) dimensions a head are no whole pairs")
        }
        let vocabulary = try keys.vocabularySize(hiddenSize: hiddenSize)
        let theta = try keys.optionalNumber("rope.freq_base") ?? 10_000
        try Self.refuseOtherScaling(keys)
        let epsilon = try keys.number("attention.layer_norm_rms_epsilon")
        let contextLength = try keys.integer("context_length", in: 1...(1 << 28))
        let tokenizer = GGUFKeys(file: file, prefix: "tokenizer.ggml.")
        let isHeadTied = file.tensor(named: "output.weight") == nil
        let content = LlamaContent(
            architectures: ["\(architecture.name.capitalized)ForCausalLM"],
            attentionBias: architecture.biased.isEmpty
                ? file.tensor(named: "blk.0.attn_q.bias") != nil : nil,
            bosTokenId: try tokenizer.optionalInteger("bos_token_id", in: 0...(1 << 30)),
            eosTokenId: try tokenizer.optionalInteger("eos_token_id", in: 0...(1 << 30)),
            headDim: headDimension, hiddenSize: hiddenSize,
            intermediateSize: try keys.integer("feed_forward_length", in: 1...(1 << 22)),
            maxPositionEmbeddings: contextLength, modelType: architecture.modelTypes[0],
            numAttentionHeads: attentionHeads, numHiddenLayers: layerCount, numKeyValueHeads: keyValueHeads,
            padTokenId: try tokenizer.optionalInteger("padding_token_id", in: 0...(1 << 30)),
            rmsNormEps: Float(epsilon),
            ropeScaling: try RotaryFactors.scaling(
                of: file, theta: theta, headDimension: headDimension, contextLength: contextLength),
            ropeTheta: Float(theta),
            slidingWindow: try keys.optionalInteger("attention.sliding_window", in: 1...(1 << 28)),
            tieWordEmbeddings: isHeadTied, vocabSize: vocabulary)
        self.init(
            layerCount: layerCount, attentionHeads: attentionHeads, keyValueHeads: keyValueHeads,
            headDimension: headDimension, isHeadTied: isHeadTied, json: try Self.encode(content))
    }

    private static func refuseOtherScaling(_ keys: GGUFKeys) throws {
        guard let type = keys.value("rope.scaling.type")?.string, type != "none" else { return }
        throw BaseError(
            .unsupported, keys.file.path,
            "rope scaling of type '\(type)' is not supported; none and llama3 are")
    }
}
