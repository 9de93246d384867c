import Layers

/// What sets the families of BERT's kind apart: names of their tensors and modules, which are Hugging Face's, and details
/// of what they compute.
public struct BertFamily: Sendable, Equatable {
    /// The linear maps of a block, in forward order.
    enum BlockModule: Int, CaseIterable {
        case query, key, value, attentionOutput, up, down
    }

    /// `model_type` of config.json.
    let modelType: String
    /// What the names of transformers' classes begin with.
    let className: String
    /// Where the tables and the norm behind them are.
    let embeddings: String
    /// Whether there is a table of kinds of segment.
    var hasSegments = true
    /// Where the blocks are, before their number.
    let blocks: String
    /// Names of ``BlockModule`` within a block, in its order.
    let blockModules: [String]
    let attentionNorm: String
    let outputNorm: String
    /// What a classifier's first map makes of a text's first token, and what follows it.
    let pooler: String
    var poolerActivation = ClassificationHead.Activation.tanh
    /// The classifier's second map, to the classes.
    let classifier: String
    /// Modules of the classifier that a base without classes has not.
    let headModules: [String]
    /// The head for masked tokens, whose last matrix is the table of words.
    let transform: String
    let transformNorm: String
    let decoder: String
    let decoderBias: String

    var words: String { embeddings + ".word_embeddings.weight" }
    var positions: String { embeddings + ".position_embeddings.weight" }
    var segments: String { embeddings + ".token_type_embeddings.weight" }
    var embeddingNorm: String { embeddings + ".LayerNorm" }

    /// The full name of a module or norm of a block.
    func block(_ layer: Int, _ path: String) -> String { "\(blocks).\(layer).\(path)" }

    /// Whether the classifier's first map is the base's own, which can be adapted.
    var hasPooler: Bool { !headModules.contains { pooler == $0 || pooler.hasPrefix($0 + ".") } }

    private static let bertBlockModules = [
        "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
        "intermediate.dense", "output.dense",
    ]

    /// - Source: `modeling_bert.py` of Hugging Face transformers 5.23.
    public static let bert = BertFamily(
        modelType: "bert", className: "Bert", embeddings: "bert.embeddings", blocks: "bert.encoder.layer",
        blockModules: bertBlockModules, attentionNorm: "attention.output.LayerNorm",
        outputNorm: "output.LayerNorm", pooler: "bert.pooler.dense", classifier: "classifier",
        headModules: ["classifier"], transform: "cls.predictions.transform.dense",
        transformNorm: "cls.predictions.transform.LayerNorm", decoder: "cls.predictions.decoder",
        decoderBias: "cls.predictions.bias")

    /// - Source: `modeling_roberta.py` of Hugging Face transformers 5.23.
    public static let roberta = BertFamily(
        modelType: "roberta", className: "Roberta", embeddings: "roberta.embeddings",
        blocks: "roberta.encoder.layer", blockModules: bertBlockModules,
        attentionNorm: "attention.output.LayerNorm", outputNorm: "output.LayerNorm",
        pooler: "classifier.dense", classifier: "classifier.out_proj", headModules: ["classifier"],
        transform: "lm_head.dense", transformNorm: "lm_head.layer_norm", decoder: "lm_head.decoder",
        decoderBias: "lm_head.bias")

    /// - Source: `modeling_distilbert.py` of Hugging Face transformers 5.23.
    public static let distilbert = BertFamily(
        modelType: "distilbert", className: "DistilBert", embeddings: "distilbert.embeddings",
        hasSegments: false, blocks: "distilbert.transformer.layer",
        blockModules: [
            "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "ffn.lin1",
            "ffn.lin2",
        ],
        attentionNorm: "sa_layer_norm", outputNorm: "output_layer_norm", pooler: "pre_classifier",
        poolerActivation: .relu, classifier: "classifier", headModules: ["pre_classifier", "classifier"],
        transform: "vocab_transform", transformNorm: "vocab_layer_norm", decoder: "vocab_projector",
        decoderBias: "vocab_projector.bias")
}
