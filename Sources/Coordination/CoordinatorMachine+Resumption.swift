import WireProtocol

/// Workers that kept their state over a broken connection or the coordinator's death: what they say they hold is
/// compared with the ledger, and the run goes on from the newest of it.
extension CoordinatorMachine {
    /// How long workers that kept the state are waited for once the first of them is back.
    private static let longestGathering = Duration.seconds(5)

    /// The digest of the state after `step`, where it is known.
    func knownDigest(after step: UInt64) -> [UInt8]? {
        if step == appliedStep, !stateDigest.isEmpty { return stateDigest }
        if let line = ledgered[step + 1], !line.stateDigestBefore.isEmpty { return line.stateDigestBefore }
        return confirmed?.step == step ? confirmed?.digest : nil
    }

    /// What a worker says it kept, if it is of this run and nothing speaks against it.
    private func usableClaim(of member: Member) -> HeldState? {
        guard let claim = member.claim, claim.runID == options.runID, claim.step <= ledgerHead else {
            return nil
        }
        guard let known = knownDigest(after: claim.step) else {
            // The newest state is in no line yet, and that of a whole base in few: the workers must agree on it.
            return !hasContradiction(at: claim.step) ? claim : nil
        }
        return known == claim.stateDigest ? claim : nil
    }

    private func hasContradiction(at step: UInt64) -> Bool {
        let digests = members.values.filter { $0.phase == .ready && $0.claim?.step == step }
            .compactMap(\.claim?.stateDigest)
        return Set(digests).count > 1
    }

    /// With nobody taking part, or while steps of the ledger are computed again: goes on from the newest state that workers
    /// kept, if it is not older than the present one.
    ///
    /// - Returns: whether that is under way, or others are waited for that may have kept the state too.
    mutating func resumeFromWorkers(now: Duration) -> Bool {
        let ready = members.values.filter { $0.phase == .ready }
        let newest = ready.compactMap { usableClaim(of: $0) }
            .filter { $0.step == appliedStep || $0.step > appliedStep && !refusesClaims }
            .max { $0.step < $1.step }
        guard let newest else { return false }
        guard activeMembers.isEmpty else { return newest.step > appliedStep && resume(from: newest) }
        guard ready.count >= (hasBegun ? 1 : max(options.minimumWorkers, 1)) else { return true }
        if ready.count < workerCountBefore {
            let until = gathersUntil ?? now + min(options.lostAfter, Self.longestGathering)
            gathersUntil = until
            if now < until { return true }
        }
        gathersUntil = nil
        // Those with the held state are let in as they are.
        return newest.step > appliedStep && resume(from: newest)
    }

    private mutating func resume(from claim: HeldState) -> Bool {
        phase = .resuming(step: claim.step, digest: claim.stateDigest)
        actions.append(
            .resume(step: claim.step, digest: claim.stateDigest, gradientNorm: claim.gradientNorm))
        return true
    }

    mutating func didResume(step: UInt64, agenda: Agenda?) {
        guard case .resuming(step, let digest) = phase else { return }
        phase = .idle
        guard let agenda else {
            refusesClaims = true
            return
        }
        appliedStep = step
        stateDigest = digest
        confirmed = (step, digest)
        lastFinish = nil
        self.agenda = agenda
        // Those that were given the older state meanwhile get the newer one.
        for (id, member) in members where member.phase != .building && member.phase != .ready {
            members[id]?.phase = .ready
        }
        record("resumed", ["step": "\(step)", "from": "workers"])
        admitClaims()
    }

    /// Lets those take part that hold the present state, and turns away those with another one of the same step.
    mutating func admitClaims() {
        for member in members.values.sorted(by: { $0.id < $1.id }) where member.phase == .ready {
            guard let claim = member.claim, claim.runID == options.runID, claim.step == appliedStep else {
                continue
            }
            guard !stateDigest.isEmpty else {
                // Nobody knows whether it is the run's.
                members[member.id]?.claim = nil
                continue
            }
            if claim.stateDigest == stateDigest {
                members[member.id]?.phase = .active
                record(
                    "joined",
                    [
                        "worker": "\(member.id)", "step": "\(appliedStep)", "host": member.register.host,
                        "state": "kept",
                    ])
            } else if options.requiresEqualNumerics {
                turnAway(
                    member.id, code: .differentState,
                    message: "\(member.name) holds another state after step \(appliedStep) than the run; "
                        + "its memory may be faulty: start it again")
            } else {
                members[member.id]?.claim = nil
            }
        }
    }

    /// The step's line is there already: where workers still hold its gradient, they are told to apply it.
    ///
    /// - Returns: false when it has to be computed again.
    mutating func finishLedgered(_ request: StepRequest, now: Duration) -> Bool {
        guard let line = ledgered[request.step], line.lossSum != nil || line.wasSkipped else { return false }
        let prepared = activeMembers.filter { isPrepared($0, step: request.step, line: line) }
        guard !prepared.isEmpty else { return false }
        var progress = StepProgress(request: request, began: now)
        progress.generation = line.generation
        progress.line = line
        generations[request.step] = max(generations[request.step] ?? 0, line.generation)
        for member in members.values where !prepared.contains(where: { $0.id == member.id }) {
            // Without the gradient it cannot follow; it gets the state behind the step.
            guard member.phase != .building, member.phase != .ready else { continue }
            members[member.id]?.phase = .ready
            members[member.id]?.claim = nil
        }
        progress.commit = commit(of: progress, line)
        phase = .stepping(progress)
        for member in prepared { commitKept(member.id) }
        return true
    }

    /// Tells a worker that came back with the gradient of the step being applied to apply it too.
    mutating func catchUp(_ id: UInt32) {
        guard let member = members[id], member.phase == .ready, case .stepping(let progress) = phase,
            progress.commit != nil, let line = progress.line,
            member.claim?.stateDigest == stateDigest,
            isPrepared(member, step: progress.request.step, line: line)
        else { return }
        members[id]?.phase = .active
        commitKept(id)
    }

    private func isPrepared(_ member: Member, step: UInt64, line: LedgeredStep) -> Bool {
        guard let claim = member.claim else { return false }
        return claim.runID == options.runID && claim.step + 1 == step
            && claim.preparedGeneration == line.generation && claim.preparedDigest == line.gradientDigest
    }

    private mutating func commitKept(_ id: UInt32) {
        guard case .stepping(var progress) = phase, let line = progress.line, let commit = progress.commit,
            let member = members[id]
        else { return }
        members[id]?.claim = nil
        progress.prepared[id] = Prepared(
            gradientDigest: line.gradientDigest, computeSeconds: 0, reduceSeconds: 0, exposedReduceSeconds: 0,
            bytesSent: 0, bytesReceived: 0, peakResidentBytes: 0)
        phase = .stepping(progress)
        send(
            .commit(commit), to: member.connection, step: progress.request.step,
            generation: line.generation)
    }
}
