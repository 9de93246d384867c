import WireProtocol

extension CoordinatorMachine {
    /// Answers somebody who asks how the run is doing.
    mutating func didAskStatus(from connection: ConnectionID, now: Duration) {
        send(.statusReport(statusReport(now: now)), to: connection)
    }

    private func statusReport(now: Duration) -> StatusReport {
        let result = board.last?.result
        let seconds = result?.duration.inSeconds ?? 0
        return StatusReport(
            phase: phaseText, step: appliedStep, totalSteps: options.totalSteps,
            generation: { if case .stepping(let progress) = phase { progress.generation } else { 0 } }(),
            loss: result.map { $0.lossSum / Double(max(1, $0.supervisedTokenCount)) } ?? 0,
            tokensPerSecond: seconds > 0 ? Double(board.last?.tokenCount ?? 0) / seconds : 0,
            stepSeconds: seconds,
            bytesSent: result?.prepared.reduce(0) { $0 &+ $1.bytesSent } ?? 0,
            bytesReceived: result?.prepared.reduce(0) { $0 &+ $1.bytesReceived } ?? 0,
            members: board.members(
                Array(members.values), silentAfter: options.heartbeatInterval * 2 + .milliseconds(500),
                now: now))
    }

    /// What the run is doing, in a word or two.
    private var phaseText: String {
        switch phase {
        case .idle, .preparingWork, .deciding:
            let missing = (hasBegun ? 1 : max(options.minimumWorkers, 1)) - activeMembers.count
            return missing > 0
                ? "waiting for \(missing) worker\(missing == 1 ? "" : "s")" : "between two steps"
        case .loadingState, .resuming: return "loading the state"
        case .stepping(let progress): return progress.isLedgered ? "committing" : "computing"
        case .preparingEvaluation, .evaluating: return "evaluating"
        case .snapshot: return "fetching the state"
        case .ended: return "over"
        }
    }
}
