public import FoundationEssentials
import Kernels

/// The keys of config.json that matter, there in snake case.
private struct LlamaConfigurationFile: Decodable {
    var modelType: String?
    var hiddenSize: Int
    var intermediateSize: Int
    var numHiddenLayers: Int
    var numAttentionHeads: Int
    var numKeyValueHeads: Int?
    var headDim: Int?
    var vocabSize: Int
    var rmsNormEps: Double?
    var ropeTheta: Double?
    var ropeScaling: RotaryParameters?
    var ropeParameters: RotaryParameters?
    var maxPositionEmbeddings: Int?
    var hiddenAct: String?
    var attentionBias: Bool?
    var mlpBias: Bool?
    var tieWordEmbeddings: Bool?
    var slidingWindow: Int?
    var useSlidingWindow: Bool?
    var layerTypes: [String]?
    var eosTokenId: ConfigurationFile.OneOrMore?
    var quantizationConfig: ConfigurationFile.Present?

    /// `rope_scaling` (with `type` or `rope_type`), or `rope_parameters` of transformers 5.
    struct RotaryParameters: Decodable {
        var ropeType: String?
        var type: String?
        var ropeTheta: Double?
        var factor: Double?
        var lowFreqFactor: Double?
        var highFreqFactor: Double?
        var originalMaxPositionEmbeddings: Int?
        var partialRotaryFactor: Double?
    }
}

extension LlamaConfiguration {
    /// Reads a config.json of `model_type` llama, mistral or qwen2, and what qwen3 has in common with them.
    ///
    /// - Throws: ``TransformerError`` with code `.invalidConfiguration` for what is missing or malformed, and
    ///   `.unsupportedConfiguration`, naming the key, for what would change the result and is not computed here.
    public init(json: Data) throws {
        let file = try ConfigurationFile.decode(LlamaConfigurationFile.self, from: json)
        let modelType = file.modelType ?? "llama"
        try file.refuseUnsupported(modelType: modelType)
        let rotary = file.ropeParameters ?? file.ropeScaling
        try self.init(
            modelType: modelType, hiddenSize: file.hiddenSize, intermediateSize: file.intermediateSize,
            layerCount: file.numHiddenLayers, attentionHeads: file.numAttentionHeads,
            keyValueHeads: file.numKeyValueHeads ?? file.defaultKeyValueHeads(modelType),
            headDimension: file.headDim ?? (modelType == "qwen3" ? 128 : nil), vocabularySize: file.vocabSize,
            normEpsilon: Float(file.rmsNormEps ?? 1e-6),
            ropeTheta: rotary?.ropeTheta ?? file.ropeTheta ?? 10_000,
            ropeScaling: file.llama3Scaling(rotary),
            maximumPositions: file.maxPositionEmbeddings ?? file.defaultPositions(modelType),
            slidingWindow: file.window(modelType: modelType), hasQueryKeyValueBias: modelType == "qwen2",
            tieWordEmbeddings: file.tieWordEmbeddings ?? false,
            endOfSequenceIDs: file.eosTokenId?.values ?? [])
    }
}

extension LlamaConfigurationFile {
    fileprivate func refuseUnsupported(modelType: String) throws {
        func refuse(_ key: String, _ value: String) -> TransformerError {
            ConfigurationFile.unsupported(key, value, modelType: modelType)
        }
        try ConfigurationFile.Present.refuseQuantization(quantizationConfig)
        if let hiddenAct, hiddenAct != "silu" { throw refuse("hidden_act", "'\(hiddenAct)'") }
        if attentionBias == true { throw refuse("attention_bias", "true") }
        if mlpBias == true { throw refuse("mlp_bias", "true") }
        for (key, rotary) in [("rope_parameters", ropeParameters), ("rope_scaling", ropeScaling)] {
            guard let rotary else { continue }
            let type = rotary.ropeType ?? rotary.type ?? "default"
            if type != "default" && type != "llama3" { throw refuse("\(key) of type", "'\(type)'") }
            if let part = rotary.partialRotaryFactor, part != 1 {
                throw refuse("\(key).partial_rotary_factor", "\(part)")
            }
            if type == "llama3" {
                guard let factor = rotary.factor, let low = rotary.lowFreqFactor,
                    let high = rotary.highFreqFactor, rotary.originalMaxPositionEmbeddings != nil,
                    factor > 0, low > 0, high > low
                else {
                    throw TransformerError(
                        .invalidConfiguration,
                        "config.json: \(key) of type llama3 needs factor, low_freq_factor < high_freq_factor and "
                            + "original_max_position_embeddings", context: key)
                }
            }
        }
        if let layerTypes {
            let known: Set = ["full_attention", "sliding_attention"]
            if let other = layerTypes.first(where: { !known.contains($0) }) {
                throw refuse("layer_types", "'\(other)'")
            }
        }
    }

    fileprivate func llama3Scaling(_ rotary: RotaryParameters?) -> Llama3RotaryScaling? {
        guard let rotary, (rotary.ropeType ?? rotary.type) == "llama3", let factor = rotary.factor,
            let low = rotary.lowFreqFactor, let high = rotary.highFreqFactor,
            let original = rotary.originalMaxPositionEmbeddings
        else { return nil }
        return Llama3RotaryScaling(
            factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high,
            originalContextLength: original)
    }

    /// The window, where attention uses one: always in mistral, in qwen2 and qwen3 only with `use_sliding_window`.
    fileprivate func window(modelType: String) -> Int? {
        if useSlidingWindow == false || modelType == "llama" { return nil }
        if modelType.hasPrefix("qwen") && useSlidingWindow != true { return nil }
        if let layerTypes, !layerTypes.contains("sliding_attention") { return nil }
        return slidingWindow
    }

    /// What transformers assumes where `num_key_value_heads` is missing; nil for as many as query heads.
    fileprivate func defaultKeyValueHeads(_ modelType: String) -> Int? {
        switch modelType {
        case "mistral": 8
        case "qwen3": 32
        default: nil
        }
    }

    /// What transformers assumes where `max_position_embeddings` is missing.
    fileprivate func defaultPositions(_ modelType: String) -> Int {
        switch modelType {
        case "mistral": 131_072
        case "qwen2", "qwen3": 32_768
        default: 2048
        }
    }
}
