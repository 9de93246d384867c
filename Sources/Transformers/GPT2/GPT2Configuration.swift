public import FoundationEssentials
public import Kernels

/// The shape of a GPT-2 (`gpt2`), as its config.json tells it.
///
/// - Source: `GPT2Config` of Hugging Face transformers 5.23.
public struct GPT2Configuration: DecoderConfiguration, Equatable {
    public var modelType: String { "gpt2" }
    /// C, `n_embd`
    public var hiddenSize: Int
    /// F, `n_inner`
    public var innerSize: Int
    /// L, `n_layer`
    public var layerCount: Int
    /// H, `n_head`
    public var attentionHeads: Int
    /// V
    public var vocabularySize: Int
    /// `n_positions`, rows of the learned positions.
    public var maximumPositions: Int
    /// `layer_norm_epsilon`
    public var normEpsilon: Float
    /// `activation_function`
    public var activation: GELUForm
    /// Whether the head is the embedding's matrix.
    public var tieWordEmbeddings: Bool
    public var endOfSequenceIDs: [Int32]

    public var contextLength: Int { maximumPositions }

    /// The keys of config.json that matter, there in snake case.
    private struct Keys: Decodable {
        var nEmbd: Int
        var nLayer: Int
        var nHead: Int
        var nInner: Int?
        var nPositions: Int
        var vocabSize: Int
        var layerNormEpsilon: Double?
        var activationFunction: String?
        var scaleAttnWeights: Bool?
        var scaleAttnByInverseLayerIdx: Bool?
        var reorderAndUpcastAttn: Bool?
        var addCrossAttention: Bool?
        var tieWordEmbeddings: Bool?
        var eosTokenId: ConfigurationFile.OneOrMore?
        var quantizationConfig: ConfigurationFile.Present?
    }

    /// Reads a config.json. Its dropout (`resid_pdrop`, `embd_pdrop`, `attn_pdrop`) is not applied: the base computes as
    /// in evaluation, and what is trained has a dropout of its own.
    ///
    /// - Throws: ``TransformerError`` with code `.invalidConfiguration` for what is missing or malformed, and
    ///   `.unsupportedConfiguration`, naming the key, for what would change the result and is not computed here.
    public init(json: Data) throws {
        let keys = try ConfigurationFile.decode(Keys.self, from: json)
        func refuse(_ key: String, _ value: String) -> TransformerError {
            ConfigurationFile.unsupported(key, value, modelType: "gpt2")
        }
        try ConfigurationFile.Present.refuseQuantization(keys.quantizationConfig)
        if keys.scaleAttnWeights == false { throw refuse("scale_attn_weights", "false") }
        for (key, value) in [
            ("scale_attn_by_inverse_layer_idx", keys.scaleAttnByInverseLayerIdx),
            ("reorder_and_upcast_attn", keys.reorderAndUpcastAttn),
            ("add_cross_attention", keys.addCrossAttention),
        ] where value == true { throw refuse(key, "true") }
        switch keys.activationFunction ?? "gelu_new" {
        case "gelu_new", "gelu_pytorch_tanh": activation = .tanh
        case "gelu": activation = .erf
        case let other: throw refuse("activation_function", "'\(other)'")
        }
        hiddenSize = keys.nEmbd
        layerCount = keys.nLayer
        attentionHeads = keys.nHead
        vocabularySize = keys.vocabSize
        maximumPositions = keys.nPositions
        normEpsilon = Float(keys.layerNormEpsilon ?? 1e-5)
        tieWordEmbeddings = keys.tieWordEmbeddings ?? true
        endOfSequenceIDs = keys.eosTokenId?.values ?? []
        try ConfigurationFile.requireLimits([
            ("n_embd", hiddenSize, 1 << 20), ("n_layer", layerCount, 1 << 12),
            ("n_head", attentionHeads, 1 << 12), ("n_inner", keys.nInner ?? 1, 1 << 22),
            ("vocab_size", vocabularySize, 1 << 24), ("n_positions", maximumPositions, 1 << 24),
        ])
        innerSize = keys.nInner ?? 4 * hiddenSize
        guard hiddenSize % attentionHeads == 0 else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: n_embd \(hiddenSize) is no multiple of n_head \(attentionHeads)",
                context: "n_head")
        }
        guard maximumPositions >= 2, normEpsilon.isFinite, normEpsilon > 0 else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: n_positions \(maximumPositions) must be 2 or more and layer_norm_epsilon "
                    + "\(normEpsilon) positive", context: "n_positions")
        }
    }

    /// - Source: `GPT2LMHeadModel` of Hugging Face transformers 5.23.
    public var design: DecoderDesign {
        typealias Map = DecoderDesign.Map
        let shape = AttentionShape(
            heads: attentionHeads, keyValueHeads: attentionHeads, headDimension: hiddenSize / attentionHeads)
        return DecoderDesign(
            hiddenSize: hiddenSize, vocabularySize: vocabularySize, layerCount: layerCount,
            attentionShape: shape, embedding: "transformer.wte",
            positions: .learned(name: "transformer.wpe", count: maximumPositions), blocks: "transformer.h",
            norm: .layer(epsilon: normEpsilon), inputNorm: "ln_1", attentionNorm: "ln_2",
            inputs: .fused(Map("attn.c_attn", hiddenSize, shape.fusedColumns, hasBias: true)),
            output: Map("attn.c_proj", hiddenSize, hiddenSize, hasBias: true),
            feedForward: .gelu(
                activation, up: Map("mlp.c_fc", hiddenSize, innerSize, hasBias: true),
                down: Map("mlp.c_proj", innerSize, hiddenSize, hasBias: true)),
            finalNorm: "transformer.ln_f", head: "lm_head", isHeadTied: tieWordEmbeddings,
            hasTransposedMaps: true)
    }
}
