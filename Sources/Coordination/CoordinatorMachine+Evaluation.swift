import WireProtocol

extension CoordinatorMachine {
    /// Micro-batches of an evaluation under way at a worker, per thread of it: one to compute, one to wait.
    private static let windowPerThread = 2

    mutating func didPrepareEvaluation(leafCount: Int) {
        guard case .preparingEvaluation = phase else { return }
        guard !activeMembers.isEmpty else {
            phase = .idle
            return
        }
        evaluationCount += 1
        phase = .evaluating(EvaluationProgress(id: evaluationCount, leafCount: max(leafCount, 0)))
        dealEvaluation()
    }

    /// Hands waiting micro-batches to workers with room, and ends the evaluation when none is left.
    mutating func dealEvaluation() {
        guard case .evaluating(var progress) = phase else { return }
        for member in activeMembers {
            let window = Self.windowPerThread * max(Int(member.register.threadCount), 1)
            let leaves = progress.take(for: member.id, window: window)
            guard !leaves.isEmpty else { continue }
            send(
                .evaluate(EvaluationAssignment(leaves: leaves)), to: member.connection, step: appliedStep,
                generation: progress.id)
        }
        guard progress.isComplete else {
            phase = .evaluating(progress)
            return
        }
        phase = .deciding
        actions.append(.evaluationFinished(step: appliedStep, scores: progress.scores.map { $0 ?? [] }))
    }

    mutating func didEvaluate(_ evaluated: Evaluated, by id: UInt32, header: Envelope.Header) {
        guard case .evaluating(var progress) = phase, header.generation == progress.id,
            header.step == appliedStep, progress.insert(evaluated, from: id)
        else { return droppedMessageCount += 1 }
        phase = .evaluating(progress)
        dealEvaluation()
    }
}
