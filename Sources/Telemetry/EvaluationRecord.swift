/// A line of `eval.jsonl`: how the state after a step did on the validation data.
public struct EvaluationRecord: Sendable, Equatable, StepLine {
    /// The step after which it was taken; 0 before the first.
    public var step: Int
    /// Epochs behind that step.
    public var epoch: Double
    /// Mean loss of a supervised token, in nats; not a number where it was not finite.
    public var loss: Double
    /// e to the loss.
    public var perplexity: Double
    /// Tokens with a loss.
    public var supervisedTokenCount: Int
    /// Share of rows whose right answer was the likeliest; nil where the data has no small set of answers.
    public var choiceAccuracy: Double?
    /// Share of rows whose completion greedy decoding gives; nil where rows are no prompts with completions.
    public var exactMatch: Double?
    /// How labelled rows were classified; nil where rows have no labels.
    public var classes: ClassificationRecord?
    /// Whether it is the best so far.
    public var isBest: Bool
    /// Wall time.
    public var seconds: Double

    public init(
        step: Int, epoch: Double, loss: Double, perplexity: Double, supervisedTokenCount: Int,
        choiceAccuracy: Double? = nil, exactMatch: Double? = nil, classes: ClassificationRecord? = nil,
        isBest: Bool, seconds: Double
    ) {
        self.step = step
        self.epoch = epoch
        self.loss = loss
        self.perplexity = perplexity
        self.supervisedTokenCount = supervisedTokenCount
        self.choiceAccuracy = choiceAccuracy
        self.exactMatch = exactMatch
        self.classes = classes
        self.isBest = isBest
        self.seconds = seconds
    }

    public var jsonLine: String {
        var line = JSONLine()
        line.add("step", step)
        line.add("epoch", epoch)
        line.add("loss", loss)
        line.add("perplexity", perplexity)
        line.add("supervised_tokens", supervisedTokenCount)
        if let choiceAccuracy { line.add("choice_accuracy", choiceAccuracy) }
        if let exactMatch { line.add("exact_match", exactMatch) }
        if let classes { classes.add(to: &line) }
        line.add("best", isBest)
        line.add("seconds", seconds)
        return line.text
    }
}

extension EvaluationRecord: Decodable {
    private enum CodingKeys: String, CodingKey {
        case step, epoch, loss, perplexity, seconds
        case supervisedTokenCount = "supervised_tokens"
        case choiceAccuracy = "choice_accuracy"
        case exactMatch = "exact_match"
        case isBest = "best"
    }

    /// Reads a line; null stands for a number that was not finite.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func real(_ key: CodingKeys) throws -> Double {
            try container.decodeNil(forKey: key) ? .nan : container.decode(Double.self, forKey: key)
        }
        step = try container.decode(Int.self, forKey: .step)
        epoch = try real(.epoch)
        loss = try real(.loss)
        perplexity = try real(.perplexity)
        supervisedTokenCount = try container.decode(Int.self, forKey: .supervisedTokenCount)
        choiceAccuracy = try container.decodeIfPresent(Double.self, forKey: .choiceAccuracy)
        exactMatch = try container.decodeIfPresent(Double.self, forKey: .exactMatch)
        classes = try ClassificationRecord(ifPresentIn: decoder)
        isBest = try container.decode(Bool.self, forKey: .isBest)
        seconds = try real(.seconds)
    }
}
