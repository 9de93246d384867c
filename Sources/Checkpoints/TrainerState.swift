public import DurableFiles

/// What a run remembers beside its tensors: `trainer_state.json` of a checkpoint.
public struct TrainerState: Sendable, Equatable, Codable {
    /// Optimizer steps taken.
    public var step: Int
    /// Epochs behind them, e.g. 1.25.
    public var epoch: Double
    /// `training.seed`
    public var seed: UInt64
    /// Tokens of all global batches so far, each counted once.
    public var tokenCount: Int
    /// Digest of parameters and moments after `step`.
    public var stateDigest: Digest
    /// Hash of the ledger's line of `step`; that of no line before the first.
    public var ledgerHead: Digest
    /// Lowest validation loss so far, in nats a token; nil before the first evaluation.
    public var bestLoss: Double?
    /// The step after which it was seen.
    public var bestStep: Int?
    /// Evaluations since then; what `evaluation.early_stopping_patience` counts.
    public var evaluationsWithoutImprovement: Int
    /// The last step that was evaluated; a resumed run does not evaluate it again.
    public var lastEvaluatedStep: Int?
    /// Whether the patience ran out.
    public var stoppedEarly: Bool

    public init(
        step: Int, epoch: Double, seed: UInt64, tokenCount: Int, stateDigest: Digest, ledgerHead: Digest,
        bestLoss: Double? = nil, bestStep: Int? = nil, evaluationsWithoutImprovement: Int = 0,
        lastEvaluatedStep: Int? = nil, stoppedEarly: Bool = false
    ) {
        self.step = step
        self.epoch = epoch
        self.seed = seed
        self.tokenCount = tokenCount
        self.stateDigest = stateDigest
        self.ledgerHead = ledgerHead
        self.bestLoss = bestLoss
        self.bestStep = bestStep
        self.evaluationsWithoutImprovement = evaluationsWithoutImprovement
        self.lastEvaluatedStep = lastEvaluatedStep
        self.stoppedEarly = stoppedEarly
    }

    /// Takes the result of an evaluation into account.
    ///
    /// A loss that is not finite is never the best. An equal loss is no improvement.
    /// - Parameters:
    ///   - patience: evaluations without improvement after which training stops; nil never stops it.
    /// - Returns: whether it is the best so far; ``stoppedEarly`` says whether training is to stop.
    public mutating func recordEvaluation(loss: Double, step: Int, patience: Int?) -> Bool {
        lastEvaluatedStep = step
        let isBest = loss.isFinite && loss < bestLoss ?? .infinity
        if isBest {
            bestLoss = loss
            bestStep = step
            evaluationsWithoutImprovement = 0
        } else {
            evaluationsWithoutImprovement += 1
        }
        if let patience, evaluationsWithoutImprovement >= patience { stoppedEarly = true }
        return isBest
    }

    private enum CodingKeys: String, CodingKey {
        case step, epoch, seed
        case tokenCount = "tokens"
        case stateDigest = "state_digest"
        case ledgerHead = "ledger_head"
        case bestLoss = "best_loss"
        case bestStep = "best_step"
        case evaluationsWithoutImprovement = "evaluations_without_improvement"
        case lastEvaluatedStep = "last_evaluated_step"
        case stoppedEarly = "stopped_early"
    }
}
