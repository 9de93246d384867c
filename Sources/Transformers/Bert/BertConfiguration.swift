import Kernels
public import Layers

/// The shape of an encoder of BERT's kind, as its config.json tells it, with the head that a task needs.
///
/// - Source: `BertConfig`, `RobertaConfig` and `DistilBertConfig` of Hugging Face transformers 5.23.
public struct BertConfiguration: ModelConfiguration, Equatable {
    let family: BertFamily
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
    /// The padding token, behind whose id positions are numbered (RoBERTa); nil numbers them from 0.
    public let paddingID: Int32?
    /// `id2label`, by number; empty where config.json has none but transformers' own.
    public var labelNames: [String]
    public internal(set) var task = ModelTask.maskedLanguageModel

    public var modelType: String { family.modelType }
    public var isEncoder: Bool { true }
    public var contextLength: Int { maximumPositions - (paddingID.map { Int($0) + 1 } ?? 0) }
    public var endOfSequenceIDs: [Int32] { [] }

    /// - Throws: ``TransformerError`` with code `.invalidConfiguration` that names the key out of range.
    public init(
        family: BertFamily = .bert, hiddenSize: Int, intermediateSize: Int, layerCount: Int,
        attentionHeads: Int, vocabularySize: Int, maximumPositions: Int = 512, segmentKinds: Int = 2,
        normEpsilon: Float = 1e-12,
        paddingID: Int32? = nil, labelNames: [String] = []
    ) throws(TransformerError) {
        self.family = family
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.layerCount = layerCount
        self.attentionHeads = attentionHeads
        self.vocabularySize = vocabularySize
        self.maximumPositions = maximumPositions
        self.segmentKinds = segmentKinds
        self.normEpsilon = normEpsilon
        self.paddingID = paddingID
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
        guard paddingID.map({ $0 >= 0 && $0 < maximumPositions - 2 }) ?? true else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json: pad_token_id is \(paddingID ?? 0), expected 0 to \(maximumPositions - 3), below "
                    + "max_position_embeddings", context: "pad_token_id")
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
