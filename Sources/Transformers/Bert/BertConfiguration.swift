import Kernels
public import Layers

/// The shape of a BERT encoder, as its config.json tells it, with the head that a task needs.
///
/// - Source: `BertConfig` of Hugging Face transformers 5.23.
public struct BertConfiguration: ModelConfiguration, Equatable {
    public var modelType: String { "bert" }
    /// C
    public var hiddenSize: Int
    /// F
    public var intermediateSize: Int
    /// L
    public var layerCount: Int
    /// H
    public var attentionHeads: Int
    /// V
    public var vocabularySize: Int
    /// Positions that the model learned.
    public var maximumPositions: Int
    /// Kinds of segment; a text is one segment of kind 0 here.
    public var segmentKinds: Int
    /// ε of all normalisations.
    public var normEpsilon: Float
    /// `id2label`, by number; empty where config.json has none but transformers' own.
    public var labelNames: [String]
    public internal(set) var task = ModelTask.maskedLanguageModel

    public var isEncoder: Bool { true }
    public var contextLength: Int { maximumPositions }
    public var endOfSequenceIDs: [Int32] { [] }

    /// - Throws: ``TransformerError`` with code `.invalidConfiguration` that names the key out of range.
    public init(
        hiddenSize: Int, intermediateSize: Int, layerCount: Int, attentionHeads: Int, vocabularySize: Int,
        maximumPositions: Int = 512, segmentKinds: Int = 2, normEpsilon: Float = 1e-12,
        labelNames: [String] = []
    ) throws(TransformerError) {
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.layerCount = layerCount
        self.attentionHeads = attentionHeads
        self.vocabularySize = vocabularySize
        self.maximumPositions = maximumPositions
        self.segmentKinds = segmentKinds
        self.normEpsilon = normEpsilon
        self.labelNames = labelNames
        try ConfigurationFile.requireLimits([
            ("hidden_size", hiddenSize, 1 << 20), ("intermediate_size", intermediateSize, 1 << 22),
            ("num_hidden_layers", layerCount, 1 << 12), ("num_attention_heads", attentionHeads, 1 << 12),
            ("vocab_size", vocabularySize, 1 << 24), ("type_vocab_size", segmentKinds, 1 << 12),
        ])
        guard (2...1 << 24).contains(maximumPositions) else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: max_position_embeddings is \(maximumPositions), expected 2 to \(1 << 24)",
                context: "max_position_embeddings")
        }
        guard hiddenSize % attentionHeads == 0 else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: hidden_size \(hiddenSize) is no multiple of num_attention_heads \(attentionHeads)",
                context: "num_attention_heads")
        }
        guard normEpsilon.isFinite, normEpsilon > 0 else {
            throw TransformerError(
                .invalidConfiguration, "config.json: layer_norm_eps \(normEpsilon) must be positive",
                context: "layer_norm_eps")
        }
    }

    /// D = C ÷ H
    var attentionShape: AttentionShape {
        AttentionShape(
            heads: attentionHeads, keyValueHeads: attentionHeads, headDimension: hiddenSize / attentionHeads,
            isCausal: false)
    }

    public func configured(for task: ModelTask) throws(TransformerError) -> any ModelConfiguration {
        guard task != .causalLanguageModel else {
            throw TransformerError(
                .unsupportedConfiguration,
                "this base is an encoder (\(modelType)), which does not continue texts; give rows of text and label, or "
                    + "rows of text with objective: mlm", context: "objective")
        }
        var result = self
        result.task = task
        return result
    }

    public func makeModel(weights: any WeightSource, trained: TrainedParts) throws -> any TransformerModel {
        try BertModel(configuration: self, weights: weights, trained: trained)
    }
}
