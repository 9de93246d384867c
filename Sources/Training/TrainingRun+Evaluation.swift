import Checkpoints
import Configurations
import Datasets
import Foundation
import Logging
import Synchronization
import Telemetry
public import Tensors
public import WireProtocol

extension TrainingRun {
    public func evaluationWork() throws -> [MicroBatch] {
        guard let evaluation = setup.evaluation else { return [] }
        let chunk = try evaluation.chunk(0..<evaluation.rows.count)
        progress.withLock { progress in
            progress.chunk = chunk
            progress.evaluationStart = .now
        }
        return chunk.microBatches
    }

    public func didEvaluate(step: UInt64, scores: [[Evaluated.Score]]) throws -> AfterStep {
        guard let evaluation = setup.evaluation, let chunk = progress.withLock({ $0.chunk }),
            scores.map(\.count) == chunk.microBatches.map(\.sequences.count)
        else {
            throw TrainingError(
                .cannotCompute, "the scores of the evaluation after step \(step) do not fit its micro-batches"
            )
        }
        var summary = EvaluationSummary(of: evaluation)
        let outcomes = scores.map { scores in
            scores.map {
                SequenceOutcome(
                    lossSum: $0.lossSum, tokenCount: Int($0.tokenCount), greedyMatches: Int($0.greedyMatches),
                    predictedClass: $0.predictedClass.map { Int($0) })
            }
        }
        summary.add(outcomes, of: chunk)
        let result = summary.result
        let (record, agenda) = progress.withLock { progress in
            let isBest = progress.state.recordEvaluation(
                loss: result.loss, step: Int(step),
                patience: setup.configuration.evaluation.earlyStoppingPatience)
            var agenda = progress.pending
            // The best adapter must outlive the steps behind it, so it is a checkpoint at once.
            agenda.checkpoint = agenda.checkpoint || isBest || progress.state.stoppedEarly
            agenda.waits = isBest
            agenda.finish = agenda.finish || progress.state.stoppedEarly
            let seconds = progress.evaluationStart.map { (ContinuousClock.now - $0).seconds } ?? 0
            progress.chunk = nil
            let record = EvaluationRecord(
                result, step: Int(step), epoch: progress.state.epoch, isBest: isBest, seconds: seconds)
            return (record, agenda)
        }
        try directory.requireNewest(term: term)
        try evaluations.append(record)
        chart { try $0.append(record) }
        logger.info(
            "evaluated",
            metadata: [
                "step": "\(step)", "loss": "\(String(format: "%.4f", record.loss))",
                "best": "\(record.isBest)",
                "accuracy":
                    "\((record.classes?.accuracy ?? record.choiceAccuracy).map { String(format: "%.4f", $0) } ?? "none")",
            ])
        return agenda
    }
}

extension EvaluationRecord {
    /// The line of an evaluation.
    init(_ result: EvaluationResult, step: Int, epoch: Double, isBest: Bool, seconds: Double) {
        self.init(
            step: step, epoch: epoch, loss: result.loss, perplexity: result.perplexity,
            supervisedTokenCount: result.supervisedTokens, choiceAccuracy: result.choiceAccuracy,
            exactMatch: result.exactMatch, classes: ClassificationRecord(result), isBest: isBest,
            seconds: seconds)
    }
}

extension ClassificationRecord {
    /// Nil where the rows have no labels.
    init?(_ result: EvaluationResult) {
        guard let confusion = result.confusion else { return nil }
        self.init(
            accuracy: confusion.accuracy, macroF1: confusion.macroF1, weightedF1: confusion.weightedF1,
            labels: confusion.labels, counts: confusion.counts)
    }
}
