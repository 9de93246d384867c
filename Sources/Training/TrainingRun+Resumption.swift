public import Checkpoints
import Configurations
import Datasets
import DurableFiles
import Foundation
import Synchronization
import Telemetry
import WireProtocol

extension TrainingRun {
    /// Lines of the ledger behind the checkpoint that this life begins with.
    public var ledgerBehindCheckpoint: [LedgerEntry] {
        guard firstStep < ledger.lastStep else { return [] }
        return (firstStep + 1...ledger.lastStep).compactMap { ledger.entry(step: $0) }
    }

    public func resume(atStep step: UInt64, stateDigest: [UInt8], gradientNorm: Double) throws -> AfterStep? {
        let last = Int(step)
        var state = progress.withLock { $0.state }
        guard let digest = Digest(bytes: stateDigest), last > state.step, last <= ledger.lastStep else {
            return nil
        }
        let evaluated = Dictionary(
            try StepLog<EvaluationRecord>.read(directory.evaluationsPath).map { ($0.step, $0.loss) }
        ) { first, _ in first }
        var missing: (outcome: StepOutcome, work: StepWork)?
        for step in state.step + 1...last {
            guard let line = ledger.entry(step: step),
                let work = try setup.work(
                    forStep: UInt64(step), committedLearningRate: line.learningRate)
            else { return nil }
            if !metrics.contains(step: step) {
                guard step == last, line.lossSum != nil || line.wasSkipped else { return nil }
                missing = (
                    StepOutcome(
                        line, work: work, stateDigest: stateDigest,
                        gradientNorm: line.wasSkipped ? .nan : gradientNorm), work
                )
            }
            state.step = step
            state.epoch = work.epoch
            state.tokenCount += Int(work.tokenCount)
            state.ledgerHead = Digest.sha256(line.jsonLine)
            guard evaluates(after: step) else { continue }
            if let loss = evaluated[step] {
                _ = state.recordEvaluation(
                    loss: loss, step: step, patience: setup.configuration.evaluation.earlyStoppingPatience)
            } else if step < last {
                return nil
            }
        }
        state.stateDigest = digest
        if let missing { try metrics.append(StepRecord(missing.outcome, work: missing.work)) }
        return progress.withLock { [state] progress in
            progress.state = state
            progress.stateDigest = digest
            var agenda = agenda(after: last, &progress)
            // What was decided behind the evaluation is not repeated by it.
            if state.lastEvaluatedStep == last {
                agenda.checkpoint = agenda.checkpoint || state.bestStep == last || state.stoppedEarly
                agenda.waits = state.bestStep == last
                agenda.finish = agenda.finish || state.stoppedEarly
            }
            return agenda
        }
    }

    /// Whether the state after `step` is to be evaluated.
    func evaluates(after step: Int) -> Bool {
        let every = setup.configuration.evaluation.every
        guard setup.evaluation != nil, every != .never else { return false }
        let endsEpoch = setup.data.sampler.position(ofStep: step).endsEpoch
        return step >= setup.data.sampler.totalSteps || every.isDue(after: step, endsEpoch: endsEpoch)
    }

    /// What comes behind `step`, with the part that waits for an evaluation noted.
    func agenda(after step: Int, _ progress: inout RunProgress) -> AfterStep {
        let isLast = step >= setup.data.sampler.totalSteps
        let endsEpoch = setup.data.sampler.position(ofStep: step).endsEpoch
        progress.pending = AfterStep(
            checkpoint: isLast
                || setup.configuration.checkpoint.every.isDue(after: step, endsEpoch: endsEpoch),
            finish: isLast)
        var agenda = progress.pending
        agenda.evaluate = evaluates(after: step) && progress.state.lastEvaluatedStep != step
        return agenda
    }
}

extension StepOutcome {
    /// What is known of a step whose workers were not heard any more.
    init(_ line: LedgerEntry, work: StepWork, stateDigest: [UInt8], gradientNorm: Double) {
        self.init(
            step: UInt64(line.step), generation: line.generation, lossSum: line.lossSum ?? .nan,
            supervisedTokenCount: work.supervisedTokenCount, gradientNorm: gradientNorm,
            gradientDigest: line.gradientDigest.bytes, stateDigest: stateDigest, stepSeconds: 0,
            computeSeconds: 0, reduceSeconds: 0, exposedReduceSeconds: 0, wireBytesSent: 0,
            wireBytesReceived: 0, peakResidentBytes: 0, workerCount: Set(line.leafWorkers).count,
            wasSkipped: line.wasSkipped)
    }
}
