/// How a model did on rows that were not trained on: what `shoal eval --json` prints.
public struct Quality: Sendable, Equatable, Codable {
    /// Rows evaluated.
    public var rows: Int
    /// Tokens with a loss.
    public var supervisedTokens: Int
    /// Mean loss of such a token, in nats.
    public var loss: Double
    /// e to the loss.
    public var perplexity: Double
    /// Share of rows whose own answer is the likeliest; nil where the data has no small set of answers.
    public var choiceAccuracy: Double?
    /// Share of rows whose answer greedy decoding gives; nil where rows are no prompts with completions.
    public var exactMatch: Double?
}
