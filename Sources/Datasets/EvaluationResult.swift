import Foundation
import Tensors

/// How a model did on one sequence of an evaluation: what its forward pass returns.
public struct SequenceOutcome: Sendable, Equatable {
    /// Σ −log p(target) over its supervised tokens, in nats.
    public var lossSum: Double
    /// Its supervised tokens.
    public var tokenCount: Int
    /// Supervised tokens whose target is the likeliest id.
    public var greedyMatches: Int
    /// The likeliest class; nil unless the model is a classifier.
    public var predictedClass: Int?

    public init(lossSum: Double, tokenCount: Int, greedyMatches: Int, predictedClass: Int? = nil) {
        self.lossSum = lossSum
        self.tokenCount = tokenCount
        self.greedyMatches = greedyMatches
        self.predictedClass = predictedClass
    }
}

/// What an evaluation found.
public struct EvaluationResult: Codable, Sendable, Equatable {
    /// Rows evaluated.
    public var rows: Int
    /// Tokens with a loss.
    public var supervisedTokens: Int
    /// Mean −log p over the supervised tokens, in nats.
    public var loss: Double
    /// e to the loss.
    public var perplexity: Double
    /// Share of rows whose own completion is the likeliest of all completions of the data; where there are at
    /// most ``EvaluationSet/maximumChoices`` of them.
    public var choiceAccuracy: Double?
    /// Share of rows whose completion, EOS included, greedy decoding would produce; for prompt and completion.
    public var exactMatch: Double?
    /// Share of rows whose class is the likeliest; this and what follows for labelled rows.
    public var accuracy: Double?
    /// Mean F1 of the classes.
    public var macroF1: Double?
    /// Mean F1 of the classes, weighted by their rows.
    public var weightedF1: Double?
    /// How often rows of each class were taken for each class.
    public var confusion: ConfusionTable?

    private enum CodingKeys: String, CodingKey {
        case rows
        case supervisedTokens = "supervised_tokens"
        case loss
        case perplexity
        case choiceAccuracy = "choice_accuracy"
        case exactMatch = "exact_match"
        case accuracy
        case macroF1 = "macro_f1"
        case weightedF1 = "weighted_f1"
        case confusion
    }
}

/// Sums up outcomes chunk by chunk, always in the order of the rows.
public struct EvaluationSummary: Sendable {
    private let choiceCount: Int
    private let countsMatches: Bool
    private var rows = 0
    private var lossSum = 0.0
    private var tokens = 0
    private var matches = 0
    private var rightChoices = 0
    private var confusion: ConfusionTable?

    /// A summary of outcomes on `set`.
    public init(of set: EvaluationSet) {
        choiceCount = set.choices?.count ?? 0
        countsMatches = set.isPromptCompletion
        confusion = set.labels.map { ConfusionTable(labels: $0.names) }
    }

    /// Adds the outcomes of a chunk: for each of its micro-batches, one for each sequence.
    ///
    /// - Precondition: the counts agree with the chunk's.
    public mutating func add(_ outcomes: [[SequenceOutcome]], of chunk: EvaluationChunk) {
        precondition(
            outcomes.count == chunk.microBatches.count
                && zip(outcomes, chunk.microBatches).allSatisfy { $0.count == $1.sequences.count },
            "outcomes of \(outcomes.map(\.count)) sequences for micro-batches of \(chunk.microBatches.map(\.sequences.count))"
        )
        var likeliest: [Int: (lossSum: Double, choice: Int)] = [:]
        var gold: [Int: (sum: SequenceOutcome, choice: Int?)] = [:]
        if confusion != nil { addClasses(outcomes, of: chunk) }
        for (batchOutcomes, roles) in zip(outcomes, chunk.roles) {
            for (outcome, role) in zip(batchOutcomes, roles) {
                switch role {
                case .prefix: break
                case .example(let row):
                    var sum = gold[row]?.sum ?? SequenceOutcome(lossSum: 0, tokenCount: 0, greedyMatches: 0)
                    sum.lossSum += outcome.lossSum
                    sum.tokenCount += outcome.tokenCount
                    sum.greedyMatches += outcome.greedyMatches
                    gold[row] = (sum, nil)
                case .choice(let row, let choice, let isGold):
                    if isGold { gold[row] = (outcome, choice) }
                    // Ties go to the earlier choice; a loss that is not a number is the worst.
                    let lossSum = outcome.lossSum.isNaN ? .infinity : outcome.lossSum
                    let best = likeliest[row] ?? (.infinity, .max)
                    if (lossSum, choice) < best { likeliest[row] = (lossSum, choice) }
                }
            }
        }
        for row in chunk.rows {
            guard let (sum, choice) = gold[row] else { continue }
            rows += 1
            lossSum += sum.lossSum
            tokens += sum.tokenCount
            matches += sum.greedyMatches == sum.tokenCount ? 1 : 0
            if let choice, likeliest[row]?.choice == choice { rightChoices += 1 }
        }
    }

    /// Counts the rows of labelled texts: the class is the target of a sequence's first token.
    private mutating func addClasses(_ outcomes: [[SequenceOutcome]], of chunk: EvaluationChunk) {
        for (outcomes, batch) in zip(outcomes, chunk.microBatches) {
            for (outcome, sequence) in zip(outcomes, batch.sequences) {
                guard let predicted = outcome.predictedClass else { continue }
                confusion?.add(actual: Int(batch.targets[sequence.start]), predicted: predicted)
            }
        }
    }

    /// What was found so far.
    public var result: EvaluationResult {
        let loss = tokens > 0 ? lossSum / Double(tokens) : 0
        let rowCount = Double(max(1, rows))
        return EvaluationResult(
            rows: rows, supervisedTokens: tokens, loss: loss, perplexity: exp(loss),
            choiceAccuracy: choiceCount > 0 ? Double(rightChoices) / rowCount : nil,
            exactMatch: countsMatches ? Double(matches) / rowCount : nil, accuracy: confusion?.accuracy,
            macroF1: confusion?.macroF1, weightedF1: confusion?.weightedF1, confusion: confusion)
    }
}
