import WireProtocol

extension CoordinatorMachine {
    /// Decides what comes next between two steps: evaluation, checkpoint, end, admissions, the next step.
    mutating func advance(now: Duration) {
        guard case .idle = phase else { return }
        if isStopping { agenda = Agenda(checkpoint: true, finish: true) }
        if activeMembers.isEmpty {
            admitLoaded()
            if activeMembers.isEmpty { claimLoaded() }
        }
        if activeMembers.isEmpty {
            if heldStep != appliedStep {
                // Nobody takes part with the state any more: back to the checkpoint, and on from there unless a
                // worker comes back that kept it.
                if isStopping { return finish() }
                phase = .loadingState
                agenda = Agenda()
                actions.append(.loadState)
                return
            }
        }
        if activeMembers.isEmpty || appliedStep < ledgerHead {
            if !isStopping, resumeFromWorkers(now: now) { return }
        }
        guard releaseDraining() else { return }
        if agenda.evaluate, !activeMembers.isEmpty {
            agenda.evaluate = false
            phase = .preparingEvaluation
            actions.append(.prepareEvaluation)
            return
        }
        if agenda.checkpoint, !agenda.evaluate {
            let mayOverlap = !agenda.finish && !agenda.waits
            if appliedStep <= savedStep || heldStep == appliedStep {
                agenda.checkpoint = false
                saveIfNew()
            } else if mayOverlap {
                // While one is on its way the next waits for a later boundary, not the steps for it.
                if upload == nil {
                    agenda.checkpoint = false
                    beginUpload(saves: true)
                }
            } else {
                return requestSnapshot()
            }
        }
        if agenda.finish, !agenda.evaluate {
            if checkpointsUnderWay == 0 { finish() }
            return
        }
        guard admitMembers(now: now) else { return }
        let required = hasBegun ? 1 : max(options.minimumWorkers, 1)
        guard activeMembers.count >= required, !agenda.evaluate else { return }
        endWaiting()
        phase = .preparingWork
        actions.append(.prepareWork(step: appliedStep + 1))
    }

    /// Has the held state made durable, unless it is.
    mutating func saveIfNew() {
        guard appliedStep > savedStep else { return }
        savedStep = appliedStep
        checkpointsUnderWay += 1
        actions.append(.saveCheckpoint(step: appliedStep))
    }

    /// Asks the first worker for its state; another one is asked should it be lost.
    mutating func requestSnapshot() {
        // One at a time.
        guard upload == nil, let source = activeMembers.first else { return }
        phase = .snapshot(from: source.id)
        actions.append(.beginSnapshot(from: source.id, step: appliedStep))
        send(.snapshotRequest(SnapshotRequest()), to: source.connection, step: appliedStep)
    }

    /// Asks a worker for a copy of its state, which it sends while steps go on.
    ///
    /// - Parameter saves: whether it becomes a checkpoint.
    mutating func beginUpload(saves: Bool) {
        guard let source = activeMembers.first(where: { $0.drainReason == nil }) ?? activeMembers.first else {
            return
        }
        upload = Upload(from: source.id, step: appliedStep, saves: saves, lastPiece: clock)
        actions.append(.beginSnapshot(from: source.id, step: appliedStep))
        send(.snapshotRequest(SnapshotRequest()), to: source.connection, step: appliedStep)
    }

    /// Whether chunks of a snapshot are to come from this worker.
    func isExpectingSnapshot(from id: UInt32) -> Bool {
        if case .snapshot(from: id) = phase { return true }
        return upload?.from == id
    }

    mutating func didReceiveSnapshot(from id: UInt32, step: UInt64, digest: [UInt8], now: Duration) {
        if let upload, upload.from == id, upload.step == step {
            guard digest == knownDigest(after: step) ?? digest else {
                return remove(
                    id, reason: "its snapshot of step \(step) has another digest than the step", now: now)
            }
            self.upload = nil
            if step == appliedStep { noteStateDigest(digest) }
            hold(step: step)
            sendUploadedState(step: step)
            guard upload.saves, step > savedStep else { return }
            savedStep = step
            checkpointsUnderWay += 1
            actions.append(.saveCheckpoint(step: step))
            return
        }
        guard case .snapshot(from: id) = phase, step == appliedStep else { return }
        phase = .idle
        noteStateDigest(digest)
        guard digest == stateDigest else {
            // The next in line is asked: this one's memory or connection changed the bytes.
            remove(id, reason: "its snapshot of step \(step) has another digest than the step", now: now)
            return
        }
        hold(step: step)
    }

    /// Where none was taken after the last step, the one computed from the bytes is what newcomers must have.
    private mutating func noteStateDigest(_ digest: [UInt8]) {
        if stateDigest.isEmpty { stateDigest = digest }
    }

    private mutating func hold(step: UInt64) {
        heldStep = step
        actions.append(.holdSnapshot)
    }

    mutating func didLoadState(step: UInt64, digest: [UInt8]) {
        guard case .loadingState = phase else { return }
        if let last = confirmed, last.step < step { confirmed = nil }
        refusesClaims = false
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
        let repeats = self.agenda.checkpoint
        self.agenda = agenda
        if repeats { self.agenda.checkpoint = true }
    }

    mutating func didSaveCheckpoint(step: UInt64) {
        checkpointsUnderWay -= 1
        ledgered = ledgered.filter { $0.key > step }
        generations = generations.filter { $0.key > step }
        record("checkpoint", ["step": "\(step)"])
    }
}
