import WireProtocol

/// How workers go, and how a run stops before its end.
extension CoordinatorMachine {
    /// Takes a worker out and does without it from here on.
    mutating func remove(_ id: UInt32, reason: String, now: Duration) {
        guard forget(id, event: "lost", reason: reason) != nil, !hasEnded else { return }
        switch phase {
        case .stepping(let progress): didLose(id, during: progress, now: now)
        case .evaluating(var progress):
            progress.putBack(from: id)
            phase = .evaluating(progress)
            if activeMembers.isEmpty { phase = .idle } else { dealEvaluation() }
        case .snapshot(from: id): phase = .idle
        case .idle, .loadingState, .preparingWork, .deciding, .preparingEvaluation, .snapshot, .resuming,
            .ended:
            break
        }
    }

    /// Strikes a worker off the list, whatever it was doing.
    @discardableResult
    mutating func forget(_ id: UInt32, event: String, reason: String) -> Member? {
        guard let member = members.removeValue(forKey: id) else { return nil }
        idOfConnection[member.connection] = nil
        actions.append(.stopState(to: member.connection))
        if let upload, upload.from == id {
            // Nobody has that state any more; the next one is saved and sent instead.
            self.upload = nil
            if upload.saves { agenda.checkpoint = true }
            giveUpLoading(of: upload.step)
        }
        // Behind the end everybody goes, as they were told.
        if !hasEnded {
            if event == "lost" { board.didLose(member, reason: reason, now: clock) }
            record(
                event,
                [
                    "worker": "\(id)", "host": member.register.host, "reason": reason,
                    "step": "\(appliedStep)",
                ])
        }
        return member
    }

    /// Will not have a worker that takes no part (yet, or any more).
    mutating func turnAway(_ id: UInt32, code: Refusal.Code, message: String) {
        guard let member = forget(id, event: "lost", reason: message) else { return }
        send(.refuse(Refusal(code: code, message: message)), to: member.connection)
    }

    // MARK: - Leaving

    mutating func didReceive(_ leave: Leave, from id: UInt32, now: Duration) {
        guard leave.drains else { return remove(id, reason: leave.reason, now: now) }
        members[id]?.drainReason = leave.reason
        record("draining", ["worker": "\(id)", "reason": leave.reason, "step": "\(appliedStep)"])
    }

    /// Between two steps: lets those go that want to. The last of them leave their state here first.
    ///
    /// - Returns: false while that state is on its way.
    mutating func releaseDraining() -> Bool {
        let draining = members.values.filter { $0.drainReason != nil && $0.id != upload?.from }
            .sorted { $0.id < $1.id }
        guard !draining.isEmpty else { return true }
        let active = activeMembers
        if !active.isEmpty, active.allSatisfy({ $0.drainReason != nil }) {
            guard heldStep == appliedStep else {
                requestSnapshot()
                return false
            }
            saveIfNew()
        }
        for member in draining {
            send(.finish(Finish(reason: member.drainReason ?? "")), to: member.connection)
            forget(member.id, event: "left", reason: member.drainReason ?? "")
        }
        return true
    }

    // MARK: - Stopping

    /// Whether nothing but saving and ending is wanted any more.
    var isStopping: Bool { interruption != nil || failure != nil }

    /// Stops at the last applied step: one that is not in the ledger is given up, one that is gets finished.
    mutating func interrupt(reason: String) {
        guard !isStopping, !hasEnded else { return }
        interruption = reason
        record("interrupted", ["reason": reason, "step": "\(appliedStep)"])
        giveUpWork(reason: reason)
    }

    /// Stops as an interrupt does, so that the state is kept, but with an error.
    mutating func stop(code: UInt32, _ message: String) {
        guard failure == nil, !hasEnded else { return }
        failure = (code, message)
        giveUpWork(reason: message)
    }

    private mutating func giveUpWork(reason: String) {
        switch phase {
        case .stepping(let progress) where !progress.isLedgered:
            for member in activeMembers {
                send(
                    .abort(Abort(reason: reason)), to: member.connection, step: progress.request.step,
                    generation: progress.generation)
            }
            phase = .idle
        case .preparingWork, .evaluating, .preparingEvaluation, .resuming, .loadingState: phase = .idle
        case .idle, .stepping, .deciding, .snapshot, .ended: break
        }
    }

    mutating func finish() {
        let ending: RunEnding
        if let failure {
            let kept =
                savedStep > 0 ? "; the state after step \(savedStep) is saved" : ""
            let message = failure.message + kept
            ending = .failed(code: failure.code, message: message)
            for member in members.values.sorted(by: { $0.id < $1.id }) {
                send(.errorReport(ErrorReport(code: failure.code, message: message)), to: member.connection)
            }
        } else {
            ending = interruption.map { .interrupted(reason: $0, savedStep: savedStep) } ?? .completed
            let reason = interruption ?? "training is over"
            for member in members.values.sorted(by: { $0.id < $1.id }) {
                send(.finish(Finish(reason: reason)), to: member.connection)
            }
        }
        phase = .ended
        actions.append(.ended(ending))
    }

    /// Ends the run at once with an error that every worker is told: what the workers hold cannot be trusted, or the
    /// driver cannot go on.
    mutating func fail(code: UInt32, _ message: String) {
        guard !hasEnded else { return }
        for member in members.values.sorted(by: { $0.id < $1.id }) {
            send(.errorReport(ErrorReport(code: code, message: message)), to: member.connection)
        }
        phase = .ended
        actions.append(.ended(.failed(code: code, message: message)))
    }
}
