import Foundation
import WeightFiles

/// The shape of a GGUF's model, and its config.json as Hugging Face would write it.
struct GGUFConfiguration {
    let architecture: String
    let layerCount: Int
    let attentionHeads: Int
    let keyValueHeads: Int
    let headDimension: Int
    private let content: Content

    /// The keys of config.json, there in snake case.
    private struct Content: Encodable {
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

    init(file: GGUFFile, architecture: String) throws {
        let keys = Keys(file: file, prefix: architecture + ".")
        self.architecture = architecture
        layerCount = try keys.integer("block_count", in: 1...4096)
        attentionHeads = try keys.integer("attention.head_count", in: 1...4096)
        keyValueHeads = try keys.optionalInteger("attention.head_count_kv", in: 1...4096) ?? attentionHeads
        let hiddenSize = try keys.integer("embedding_length", in: 1...(1 << 20))
        if let experts = try keys.optionalInteger("expert_count", in: 0...65536), experts > 0 {
            throw BaseError(
                .unsupported, file.path,
                "a mixture of \(experts) experts is not supported; take a dense model")
        }
        let rotary = try keys.optionalInteger("rope.dimension_count", in: 1...4096)
        headDimension =
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
        let vocabulary = try GGUFConfiguration.vocabularySize(file: file, keys: keys, hiddenSize: hiddenSize)
        let theta = try keys.optionalNumber("rope.freq_base") ?? 10_000
        try GGUFConfiguration.refuseOtherScaling(keys)
        let epsilon = try keys.optionalNumber("attention.layer_norm_rms_epsilon")
        guard let epsilon else { throw keys.missing("attention.layer_norm_rms_epsilon") }
        let contextLength = try keys.integer("context_length", in: 1...(1 << 28))
        let tokenizer = Keys(file: file, prefix: "tokenizer.ggml.")
        content = Content(
            architectures: [architecture == "qwen2" ? "Qwen2ForCausalLM" : "LlamaForCausalLM"],
            attentionBias: architecture == "llama" ? file.tensor(named: "blk.0.attn_q.bias") != nil : nil,
            bosTokenId: try tokenizer.optionalInteger("bos_token_id", in: 0...(1 << 30)),
            eosTokenId: try tokenizer.optionalInteger("eos_token_id", in: 0...(1 << 30)),
            headDim: headDimension, hiddenSize: hiddenSize,
            intermediateSize: try keys.integer("feed_forward_length", in: 1...(1 << 22)),
            maxPositionEmbeddings: contextLength, modelType: architecture,
            numAttentionHeads: attentionHeads, numHiddenLayers: layerCount, numKeyValueHeads: keyValueHeads,
            padTokenId: try tokenizer.optionalInteger("padding_token_id", in: 0...(1 << 30)),
            rmsNormEps: Float(epsilon),
            ropeScaling: try RotaryFactors.scaling(
                of: file, theta: theta, headDimension: headDimension, contextLength: contextLength),
            ropeTheta: Float(theta),
            slidingWindow: try keys.optionalInteger("attention.sliding_window", in: 1...(1 << 28)),
            tieWordEmbeddings: file.tensor(named: "output.weight") == nil, vocabSize: vocabulary)
    }

    /// The config.json, with sorted keys.
    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return try encoder.encode(content)
    }

    /// Heads of the tensors whose rows llama.cpp stores interleaved: Q and K of Llama, weights and biases.
    func interleavedHeads(of name: String) -> Int? {
        guard architecture == "llama" else { return nil }
        if name.contains(".attn_q.") { return attentionHeads }
        return name.contains(".attn_k.") ? keyValueHeads : nil
    }

    private static func vocabularySize(file: GGUFFile, keys: Keys, hiddenSize: Int) throws -> Int {
        let embedding = try file.requireTensor(named: "token_embd.weight")
        guard embedding.shape.count == 2, embedding.shape[1] == hiddenSize else {
            throw WeightFileError(
                code: .mismatch,
                message:
                    "\(file.path): tensor 'token_embd.weight': has shape \(embedding.shapeText), expected"
                    + " [tokens, \(hiddenSize)]; fetch the file again", path: file.path,
                tensor: embedding.name)
        }
        if let announced = try keys.optionalInteger("vocab_size", in: 1...(1 << 24)),
            announced != embedding.shape[0]
        {
            throw BaseError(
                .invalid, file.path,
                "\(keys.prefix)vocab_size is \(announced), but token_embd.weight has \(embedding.shape[0]) rows"
            )
        }
        return embedding.shape[0]
    }

    private static func refuseOtherScaling(_ keys: Keys) throws {
        guard let type = keys.value("rope.scaling.type")?.string, type != "none" else { return }
        throw BaseError(
            .unsupported, keys.file.path,
            "rope scaling of type '\(type)' is not supported; none and llama3 are")
    }

    /// Metadata under a common prefix.
    struct Keys {
        let file: GGUFFile
        let prefix: String

        func value(_ key: String) -> GGUFValue? { file.metadata[prefix + key] }

        func missing(_ key: String) -> BaseError {
            BaseError(.invalid, file.path, "metadata '\(prefix + key)' is missing; fetch the file again")
        }

        func optionalInteger(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
            guard let value = value(key) else { return nil }
            guard let integer = value.integer, range.contains(integer) else {
                throw BaseError(
                    .invalid, file.path,
                    "metadata '\(prefix + key)' is \(value.summary), expected an integer from"
                        + " \(range.lowerBound) to \(range.upperBound)")
            }
            return integer
        }

        func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int {
            guard let integer = try optionalInteger(key, in: range) else { throw missing(key) }
            return integer
        }

        func optionalNumber(_ key: String) throws -> Double? {
            guard let value = value(key) else { return nil }
            guard let number = value.number, number.isFinite, number > 0 else {
                throw BaseError(
                    .invalid, file.path,
                    "metadata '\(prefix + key)' is \(value.summary), expected a positive number")
            }
            return number
        }
    }
}
