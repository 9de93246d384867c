/// Hugging Face's full names of tensors, for checkpoints that leave a prefix out: a family's bare model saves
/// `h.0.ln_1.weight` where its language model has `transformer.h.0.ln_1.weight`.
struct CheckpointNames: Sendable {
    /// What the bare model's names lack.
    let prefix: String
    /// Beginnings of names that never have the prefix.
    let heads: [String]
    /// Ends of names of what is no weight: masks, that old versions saved too.
    let buffers: [String]

    /// By `model_type`; families that have one way to save are not among them.
    private static let known = [
        "gpt2": CheckpointNames(
            prefix: "transformer.", heads: ["lm_head."], buffers: [".attn.bias", ".attn.masked_bias"])
    ]

    init?(modelType: String) {
        guard let names = Self.known[modelType] else { return nil }
        self = names
    }

    private init(prefix: String, heads: [String], buffers: [String]) {
        self.prefix = prefix
        self.heads = heads
        self.buffers = buffers
    }

    /// The full name of a stored tensor; nil for what is no weight.
    func fullName(of stored: String) -> String? {
        if buffers.contains(where: { stored.hasSuffix($0) }) { return nil }
        if stored.hasPrefix(prefix) || heads.contains(where: { stored.hasPrefix($0) }) { return stored }
        return prefix + stored
    }
}
