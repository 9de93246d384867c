import WireProtocol

extension CoordinatorMachine {
    /// Decides what comes next between two steps: evaluation, checkpoint, end, admissions, the next step.
    mutating func advance(now: Duration) {
        guard case .idle = phase else { return }
        if interruption != nil { agenda = Agenda(checkpoint: true, finish: true) }
        if activeMembers.isEmpty, heldStep != appliedStep {
            // Nobody holds the state any more: back to the checkpoint, and replay.
            if interruption != nil { return finish(now: now) }
            phase = .loadingState
            agenda = Agenda()
            actions.append(.loadState)
            return
        }
        if agenda.evaluate, !activeMembers.isEmpty {
            agenda.evaluate = false
            phase = .preparingEvaluation
            actions.append(.prepareEvaluation)
            return
        }
        if agenda.checkpoint, !agenda.evaluate {
            guard appliedStep <= savedStep || heldStep == appliedStep else { return requestSnapshot() }
            agenda.checkpoint = false
            if appliedStep > savedStep {
                savedStep = appliedStep
                checkpointsUnderWay += 1
                actions.append(.saveCheckpoint(step: appliedStep))
            }
        }
        if agenda.finish, !agenda.evaluate {
            if checkpointsUnderWay == 0 { finish(now: now) }
            return
        }
        guard admitReadyMembers() else { return }
        let isLoading = members.values.contains { $0.phase == .loading(step: appliedStep) }
        let required = hasBegun ? 1 : max(options.minimumWorkers, 1)
        guard !isLoading, activeMembers.count >= required, !agenda.evaluate else { return }
        phase = .preparingWork
        actions.append(.prepareWork(step: appliedStep + 1))
    }

    /// Sends the state to those that wait for it; false when it has to be fetched from a worker first.
    private mutating func admitReadyMembers() -> Bool {
        let ready = members.values.filter { $0.phase == .ready }.sorted { $0.id < $1.id }
        guard !ready.isEmpty else { return true }
        guard heldStep == appliedStep else {
            requestSnapshot()
            return false
        }
        for member in ready {
            members[member.id]?.phase = .loading(step: appliedStep)
            actions.append(.sendState(header(step: appliedStep), to: member.connection))
        }
        return true
    }

    /// Asks the first worker for its state; another one is asked should it be lost.
    private mutating func requestSnapshot() {
        guard let source = activeMembers.first else { return }
        phase = .snapshot(from: source.id)
        actions.append(.beginSnapshot(from: source.id, step: appliedStep))
        send(.snapshotRequest(SnapshotRequest()), to: source.connection, step: appliedStep)
    }

    mutating func didReceiveSnapshot(from id: UInt32, step: UInt64, digest: [UInt8], now: Duration) {
        guard case .snapshot(from: id) = phase, step == appliedStep else { return }
        phase = .idle
        // Not taken after that step: the one computed from the bytes is.
        if stateDigest.isEmpty { stateDigest = digest }
        guard digest == stateDigest else {
            // The next in line is asked: this one's memory or connection changed the bytes.
            remove(id, reason: "its snapshot of step \(step) has another digest than the step", now: now)
            return
        }
        heldStep = step
    }

    mutating func didLoadState(step: UInt64, digest: [UInt8]) {
        guard case .loadingState = phase else { return }
        appliedStep = step
        savedStep = max(savedStep, step)
        stateDigest = digest
        heldStep = step
        lastFinish = nil
        phase = .idle
        // Those that were about to take part wait for this state instead.
        for id in members.keys {
            if case .loading = members[id]?.phase { members[id]?.phase = .ready }
        }
    }

    mutating func didDecide(_ agenda: Agenda) {
        guard case .deciding = phase else { return }
        phase = .idle
        self.agenda = agenda
    }

    mutating func didSaveCheckpoint(step: UInt64) {
        checkpointsUnderWay -= 1
        record("checkpoint", ["step": "\(step)"])
    }

    /// Stops at the last applied step: one that is not in the ledger is given up, one that is gets finished.
    mutating func interrupt(reason: String) {
        guard interruption == nil, !hasEnded else { return }
        interruption = reason
        record("interrupted", ["reason": reason, "step": "\(appliedStep)"])
        switch phase {
        case .stepping(let progress) where !progress.isLedgered:
            for member in activeMembers {
                send(
                    .abort(Abort(reason: reason)), to: member.connection, step: progress.request.step,
                    generation: progress.generation)
            }
            phase = .idle
        case .preparingWork, .evaluating, .preparingEvaluation: phase = .idle
        case .loadingState:
            finish(now: lastTick ?? .zero)
        case .idle, .stepping, .deciding, .snapshot, .ended: break
        }
    }

    private mutating func finish(now: Duration) {
        let reason = interruption ?? "training is over"
        for member in members.values.sorted(by: { $0.id < $1.id }) {
            send(.finish(Finish(reason: reason)), to: member.connection)
        }
        phase = .ended
        actions.append(
            .ended(interruption.map { .interrupted(reason: $0, savedStep: savedStep) } ?? .completed))
    }
}
