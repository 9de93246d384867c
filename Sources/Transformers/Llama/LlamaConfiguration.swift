import FoundationEssentials
public import Kernels

/// The shape of a model of the Llama family (`llama`, `mistral`, `qwen2`), as its config.json tells it.
///
/// - Source: `LlamaConfig`, `MistralConfig` and `Qwen2Config` of Hugging Face transformers 5.23.
public struct LlamaConfiguration: DecoderConfiguration, Equatable {
    /// `model_type`
    public var modelType: String
    /// C
    public var hiddenSize: Int
    /// F
    public var intermediateSize: Int
    /// L
    public var layerCount: Int
    /// H query heads
    public var attentionHeads: Int
    /// K key/value heads
    public var keyValueHeads: Int
    /// D
    public var headDimension: Int
    /// V
    public var vocabularySize: Int
    /// ε of the RMS norms.
    public var normEpsilon: Float
    /// Base of the rotary frequencies.
    public var ropeTheta: Double
    /// `rope_scaling` of type llama3, if any.
    public var ropeScaling: Llama3RotaryScaling?
    /// `max_position_embeddings`
    public var maximumPositions: Int
    /// Tokens a sliding window would let attention look back; sequences longer than it are refused.
    public var slidingWindow: Int?
    /// Whether q, k and v have biases (qwen2).
    public var hasQueryKeyValueBias: Bool
    /// Whether the head is the embedding's matrix.
    public var tieWordEmbeddings: Bool
    /// `eos_token_id`
    public var endOfSequenceIDs: [Int32]

    public init(
        modelType: String = "llama", hiddenSize: Int, intermediateSize: Int, layerCount: Int,
        attentionHeads: Int, keyValueHeads: Int? = nil, headDimension: Int? = nil, vocabularySize: Int,
        normEpsilon: Float = 1e-6, ropeTheta: Double = 10_000, ropeScaling: Llama3RotaryScaling? = nil,
        maximumPositions: Int = 2048, slidingWindow: Int? = nil, hasQueryKeyValueBias: Bool = false,
        tieWordEmbeddings: Bool = false, endOfSequenceIDs: [Int32] = []
    ) throws {
        self.modelType = modelType
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.layerCount = layerCount
        self.attentionHeads = attentionHeads
        self.keyValueHeads = keyValueHeads ?? attentionHeads
        self.headDimension = headDimension ?? (attentionHeads > 0 ? hiddenSize / attentionHeads : 0)
        self.vocabularySize = vocabularySize
        self.normEpsilon = normEpsilon
        self.ropeTheta = ropeTheta
        self.ropeScaling = ropeScaling
        self.maximumPositions = maximumPositions
        self.slidingWindow = slidingWindow
        self.hasQueryKeyValueBias = hasQueryKeyValueBias
        self.tieWordEmbeddings = tieWordEmbeddings
        self.endOfSequenceIDs = endOfSequenceIDs
        try validate()
    }

    /// The longest sequence it can attend over: the positions it was made for, or its sliding window.
    public var contextLength: Int { min(maximumPositions, slidingWindow ?? maximumPositions) }

    /// How its attention heads lie in a row.
    public var attentionShape: AttentionShape {
        AttentionShape(heads: attentionHeads, keyValueHeads: keyValueHeads, headDimension: headDimension)
    }

    /// Checks that the numbers fit together and stay within what the kernels can address.
    private func validate() throws {
        try ConfigurationFile.requireLimits([
            ("hidden_size", hiddenSize, 1 << 20), ("intermediate_size", intermediateSize, 1 << 22),
            ("num_hidden_layers", layerCount, 1 << 12), ("num_attention_heads", attentionHeads, 1 << 12),
            ("num_key_value_heads", keyValueHeads, 1 << 12), ("head_dim", headDimension, 1 << 12),
            ("vocab_size", vocabularySize, 1 << 24), ("max_position_embeddings", maximumPositions, 1 << 28),
        ])
        guard contextLength >= 2 else {
            let key = maximumPositions < 2 ? "max_position_embeddings" : "sliding_window"
            throw TransformerError(
                .invalidConfiguration,
                "config.json: \(key) is \(contextLength), expected 2 or more: a token and the one before it",
                context: key)
        }
        guard attentionHeads % keyValueHeads == 0 else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: num_attention_heads \(attentionHeads) is no multiple of "
                    + "num_key_value_heads \(keyValueHeads)", context: "num_key_value_heads")
        }
        guard headDimension % 2 == 0 else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: head_dim \(headDimension) is odd; rotary positions need pairs",
                context: "head_dim")
        }
        guard ropeTheta.isFinite, ropeTheta > 0, normEpsilon.isFinite, normEpsilon > 0 else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: rope_theta \(ropeTheta) and rms_norm_eps \(normEpsilon) must be positive",
                context: "rope_theta")
        }
    }
}
