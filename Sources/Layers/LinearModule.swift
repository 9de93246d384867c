/// A linear map of a model, or an embedding, as adapters see it: what it is called, its shape and its place.
public struct LinearModule: Sendable, Equatable {
    /// The module's path in Hugging Face's model, e.g. `model.layers.0.self_attn.q_proj` or `lm_head`.
    public let name: String
    /// Features that go in; the vocabulary of an embedding.
    public let inputCount: Int
    /// Features that come out.
    public let outputCount: Int
    /// Number in the model's forward order, over all linear modules, embeddings behind them; part of the counters of
    /// dropout and of first values.
    public let index: Int
    /// Whether it makes the logits (`all-linear` leaves it out).
    public let isOutputHead: Bool
    /// Whether it looks rows up in a table [in, out] instead of multiplying by a weight.
    public let isEmbedding: Bool
    /// The block it stands in, from 0; nil outside the blocks.
    public let layer: Int?
    /// Whether its weight is [in, out] rather than [out, in]: a `Conv1D` of Hugging Face, `fan_in_fan_out` in PEFT; and
    /// every embedding.
    public let isTransposed: Bool

    public init(
        name: String, inputCount: Int, outputCount: Int, index: Int, isOutputHead: Bool = false,
        isEmbedding: Bool = false, layer: Int? = nil, isTransposed: Bool = false
    ) {
        self.name = name
        self.inputCount = inputCount
        self.outputCount = outputCount
        self.index = index
        self.isOutputHead = isOutputHead
        self.isEmbedding = isEmbedding
        self.layer = layer
        self.isTransposed = isTransposed || isEmbedding
    }

    /// Of its weight, or its table.
    public var weightShape: [Int] { isTransposed ? [inputCount, outputCount] : [outputCount, inputCount] }
}
