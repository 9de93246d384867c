/// Hugging Face's full names of tensors, for checkpoints that leave a prefix out: a family's bare model saves
/// `h.0.ln_1.weight` where its language model has `transformer.h.0.ln_1.weight`. And for old names.
struct CheckpointNames: Sendable {
    /// What the bare model's names lack.
    let prefix: String
    /// Beginnings of names that never have the prefix.
    let heads: [String]
    /// Ends of names of what is no weight: masks, that old versions saved too.
    let buffers: [String]
    /// Ends of names that became others.
    var renamed: [String: String] = [:]

    /// By `model_type`; families that have one way to save are not among them.
    private static let known = [
        "gpt2": CheckpointNames(
            prefix: "transformer.", heads: ["lm_head."], buffers: [".attn.bias", ".attn.masked_bias"]),
        // Checkpoints from TensorFlow call a norm's weight and bias gamma and beta.
        "bert": CheckpointNames(
            prefix: "bert.", heads: ["cls.", "classifier."], buffers: [".position_ids"],
            renamed: [".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"]),
        "roberta": CheckpointNames(
            prefix: "roberta.", heads: ["lm_head.", "classifier."], buffers: [".position_ids"]),
        "distilbert": CheckpointNames(
            prefix: "distilbert.", heads: ["vocab_", "pre_classifier.", "classifier."],
            buffers: [".position_ids"]),
    ]

    init?(modelType: String) {
        guard let names = Self.known[modelType] else { return nil }
        self = names
    }

    private init(
        prefix: String, heads: [String], buffers: [String], renamed: [String: String] = [:]
    ) {
        self.prefix = prefix
        self.heads = heads
        self.buffers = buffers
        self.renamed = renamed
    }

    /// The full name of a stored tensor; nil for what is no weight.
    func fullName(of stored: String) -> String? {
        if buffers.contains(where: { stored.hasSuffix($0) }) { return nil }
        let hasFullName = stored.hasPrefix(prefix) || heads.contains { stored.hasPrefix($0) }
        let name = hasFullName ? stored : prefix + stored
        guard let (old, new) = renamed.first(where: { name.hasSuffix($0.key) }) else { return name }
        return String(name.dropLast(old.count)) + new
    }
}
