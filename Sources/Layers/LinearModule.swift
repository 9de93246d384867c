/// A linear map of a model as adapters see it: what it is called, its shape and its place.
public struct LinearModule: Sendable, Equatable {
    /// The module's path in Hugging Face's model, e.g. `model.layers.0.self_attn.q_proj` or `lm_head`.
    public let name: String
    /// Features that go in.
    public let inputCount: Int
    /// Features that come out.
    public let outputCount: Int
    /// Number in the model's forward order, over all linear modules; part of the counters of dropout.
    public let index: Int
    /// Whether it makes the logits (`all-linear` leaves it out).
    public let isOutputHead: Bool
    /// The block it stands in, from 0; nil outside the blocks.
    public let layer: Int?

    public init(
        name: String, inputCount: Int, outputCount: Int, index: Int, isOutputHead: Bool = false,
        layer: Int? = nil
    ) {
        self.name = name
        self.inputCount = inputCount
        self.outputCount = outputCount
        self.index = index
        self.isOutputHead = isOutputHead
        self.layer = layer
    }
}
