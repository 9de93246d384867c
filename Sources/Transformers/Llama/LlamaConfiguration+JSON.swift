public import FoundationEssentials
import Kernels

/// The keys of config.json that matter, there in snake case.
private struct LlamaConfigurationFile: Codable {
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
    var eosTokenId: OneOrMore?
    var quantizationConfig: Present?

    /// `rope_scaling` (with `type` or `rope_type`), or `rope_parameters` of transformers 5.
    struct RotaryParameters: Codable {
        var ropeType: String?
        var type: String?
        var ropeTheta: Double?
        var factor: Double?
        var lowFreqFactor: Double?
        var highFreqFactor: Double?
        var originalMaxPositionEmbeddings: Int?
        var partialRotaryFactor: Double?
    }

    /// A key whose value does not matter, only that it is there.
    struct Present: Codable {
        init(from decoder: any Decoder) throws {}
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        }
    }

    /// An id or a list of ids.
    struct OneOrMore: Codable {
        var values: [Int32]

        init(values: [Int32]) { self.values = values }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let one = try? container.decode(Int32.self) {
                values = [one]
            } else {
                values = try container.decode([Int32].self)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if values.count == 1 { try container.encode(values[0]) } else { try container.encode(values) }
        }
    }
}

extension LlamaConfiguration {
    /// Reads a config.json of `model_type` llama, mistral or qwen2.
    ///
    /// - Throws: ``TransformerError`` with code `.invalidConfiguration` for what is missing or malformed, and
    ///   `.unsupportedConfiguration`, naming the key, for what would change the result and is not computed here.
    public init(json: Data) throws {
        let file: LlamaConfigurationFile
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            file = try decoder.decode(LlamaConfigurationFile.self, from: json)
        } catch let error as DecodingError {
            throw TransformerError(.invalidConfiguration, "config.json: \(error.shortDescription)")
        }
        let modelType = file.modelType ?? "llama"
        try file.refuseUnsupported(modelType: modelType)
        let rotary = file.ropeParameters ?? file.ropeScaling
        try self.init(
            modelType: modelType, hiddenSize: file.hiddenSize, intermediateSize: file.intermediateSize,
            layerCount: file.numHiddenLayers, attentionHeads: file.numAttentionHeads,
            keyValueHeads: file.numKeyValueHeads ?? (modelType == "mistral" ? 8 : nil),
            headDimension: file.headDim, vocabularySize: file.vocabSize,
            normEpsilon: Float(file.rmsNormEps ?? 1e-6),
            ropeTheta: rotary?.ropeTheta ?? file.ropeTheta ?? 10_000,
            ropeScaling: file.llama3Scaling(rotary),
            maximumPositions: file.maxPositionEmbeddings ?? file.defaultPositions(modelType),
            slidingWindow: file.window(modelType: modelType), hasQueryKeyValueBias: modelType == "qwen2",
            tieWordEmbeddings: file.tieWordEmbeddings ?? false,
            endOfSequenceIDs: file.eosTokenId?.values ?? [])
    }

    /// The same configuration as a config.json, with sorted keys.
    public func json() throws -> Data {
        var file = LlamaConfigurationFile(
            hiddenSize: hiddenSize, intermediateSize: intermediateSize, numHiddenLayers: layerCount,
            numAttentionHeads: attentionHeads, vocabSize: vocabularySize)
        file.modelType = modelType
        file.numKeyValueHeads = keyValueHeads
        file.headDim = headDimension
        file.rmsNormEps = Double("\(normEpsilon)")
        file.ropeTheta = ropeTheta
        file.maxPositionEmbeddings = maximumPositions
        file.hiddenAct = "silu"
        file.tieWordEmbeddings = tieWordEmbeddings
        if let slidingWindow {
            file.slidingWindow = slidingWindow
            file.useSlidingWindow = true
        }
        if !endOfSequenceIDs.isEmpty { file.eosTokenId = .init(values: endOfSequenceIDs) }
        if let ropeScaling {
            file.ropeScaling = .init(
                ropeType: "llama3", factor: ropeScaling.factor,
                lowFreqFactor: ropeScaling.lowFrequencyFactor,
                highFreqFactor: ropeScaling.highFrequencyFactor,
                originalMaxPositionEmbeddings: ropeScaling.originalContextLength)
        }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return try encoder.encode(file)
    }
}

extension LlamaConfigurationFile {
    fileprivate func refuseUnsupported(modelType: String) throws {
        func refuse(_ key: String, _ value: String) -> TransformerError {
            TransformerError(
                .unsupportedConfiguration,
                "config.json: \(key) \(value) is not supported for model_type '\(modelType)'", context: key)
        }
        if quantizationConfig != nil {
            throw TransformerError(
                .unsupportedConfiguration,
                "config.json: quantization_config is not supported; use the unquantized checkpoint or a .gguf",
                context: "quantization_config")
        }
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

    /// The window, where attention uses one: always in mistral, in qwen2 only with `use_sliding_window`.
    fileprivate func window(modelType: String) -> Int? {
        if useSlidingWindow == false || modelType == "llama" { return nil }
        if modelType == "qwen2" && useSlidingWindow != true { return nil }
        if let layerTypes, !layerTypes.contains("sliding_attention") { return nil }
        return slidingWindow
    }

    /// What transformers assumes where `max_position_embeddings` is missing.
    fileprivate func defaultPositions(_ modelType: String) -> Int {
        switch modelType {
        case "mistral": 131_072
        case "qwen2": 32_768
        default: 2048
        }
    }
}

extension DecodingError {
    /// The path and what is wrong there, in one line.
    fileprivate var shortDescription: String {
        func path(_ context: Context) -> String {
            context.codingPath.map { snakeCase($0.stringValue) }.joined(separator: ".")
        }
        func snakeCase(_ name: String) -> String {
            name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
        }
        return switch self {
        case .keyNotFound(let key, _): "'\(snakeCase(key.stringValue))' is missing"
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            "'\(path(context))' is not a \(type)"
        case .dataCorrupted(let context):
            "'\(path(context))' cannot be read: \(context.debugDescription)"
        @unknown default: "cannot be read: \(self)"
        }
    }
}
