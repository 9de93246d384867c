import WireProtocol

extension WorkerMachine {
    /// Whether the step a computation was started for is still under way.
    func isCurrent(_ ticket: WorkTicket) -> Bool {
        ticket.session == session && ticket.step == step?.step
    }

    mutating func didReceive(_ assignment: Assignment, envelope: Envelope, now: Duration) {
        let header = envelope.header
        guard case .active = phase else { return }
        if assignment.follows { return follow(assignment.plan, header: header) }
        let plan = assignment.plan
        if let step, step.step == header.step, header.generation <= step.generation { return }
        guard holdsState, !isApplying, let held, header.step == held.step + 1 else {
            // It holds another state than the coordinator believes, and says which by registering again.
            actions.append(
                .log("step \(header.step) does not follow the state held here: registering again"))
            return register(now: now)
        }
        if isFollowing { step?.commit = nil }
        isFollowing = false
        dropFollowed { _ in true }
        guard let own = plan.participant(id), assignment.leaves.count == envelope.payload.count,
            plan.leafCount >= 1, Int(plan.leafCount) <= ReductionTree.maximumLeafCount,
            step == nil || step?.step != header.step || step?.leafCount == plan.leafCount
        else {
            fail(code: 70, "the plan of step \(header.step), generation \(header.generation), is not sound")
            return
        }
        let ticket = WorkTicket(session: session, step: header.step, generation: header.generation)
        var current =
            step?.step == header.step
            ? step : nil
        forgetKept()
        if current == nil {
            current = Step(step: header.step, leafCount: plan.leafCount, generation: header.generation)
            actions.append(.beginStep(leafCount: Int(plan.leafCount), ticket: ticket))
        }
        guard var current else { return }
        current.generation = header.generation
        current.prepared = nil
        for (leaf, frame) in zip(assignment.leaves, envelope.payload) {
            guard current.leaves.insert(leaf).inserted else {
                // It had this one before, and what it said of it may have come while another one had it.
                if let report = current.reports[leaf] {
                    send(.leafComputed(report), step: header.step, generation: header.generation)
                }
                continue
            }
            current.pendingLeaves.insert(leaf)
            current.released.remove(leaf)
            computationsUnderWay += 1
            actions.append(.compute(leaf: leaf, frame: frame, ticket: ticket))
        }
        step = current
        exchangeWatch = ExchangeWatch()
        let missing = Set(own.leaves).subtracting(current.leaves)
        guard missing.isSubset(of: current.released) else {
            fail(code: 70, "the plan of step \(header.step) counts on micro-batches that were not sent")
            return
        }
        // Else the next plan is on its way.
        actions.append(missing.isEmpty ? .beginReduction(plan, ticket: ticket) : .abandonReduction)
    }

    mutating func didReceive(_ release: LeafRelease, header: Envelope.Header) {
        guard let step, header.step == step.step, step.prepared == nil else { return }
        actions.append(
            .release(
                leaves: release.leaves.filter { step.leaves.contains($0) },
                ticket: WorkTicket(session: session, step: step.step, generation: step.generation)))
    }

    mutating func didRelease(_ leaves: [UInt32], ticket: WorkTicket) {
        guard isCurrent(ticket), !leaves.isEmpty else { return }
        step?.leaves.subtract(leaves)
        step?.pendingLeaves.subtract(leaves)
        for leaf in leaves { step?.reports[leaf] = nil }
        step?.released.formUnion(leaves)
        send(.leafRelease(LeafRelease(leaves: leaves)), step: ticket.step, generation: ticket.generation)
    }

    mutating func didReduce(_ prepared: Prepared, ticket: WorkTicket) {
        guard isCurrent(ticket), ticket.generation == step?.generation, step?.prepared == nil else { return }
        step?.prepared = prepared
        send(.prepared(prepared), step: ticket.step, generation: ticket.generation)
        if isFollowing, let commit = step?.commit { keep(commit) }
    }

    mutating func didReceive(_ commit: Commit, header: Envelope.Header) {
        guard case .active = phase else { return }
        if isFollowing { return didFollow(commit, header: header) }
        guard copiesUnderWay == 0 else { return waitingCommit = (commit, header) }
        if let kept, kept.step == header.step, kept.generation == header.generation, holdsState,
            held?.step == kept.step - 1, step == nil
        {
            step = Step(
                step: kept.step, leafCount: 0, generation: kept.generation, prepared: kept.prepared)
            self.kept = nil
        }
        guard let step, header.step == step.step, header.generation == step.generation,
            let prepared = step.prepared, !step.isApplying
        else { return }
        guard commit.gradientDigest == prepared.gradientDigest else {
            fail(
                code: 70, "step \(header.step) was committed with another gradient than this worker prepared")
            return
        }
        self.step?.isApplying = true
        isApplying = true
        computationsUnderWay += 1
        actions.append(
            .apply(
                commit,
                ticket: WorkTicket(session: session, step: header.step, generation: header.generation)))
    }

    mutating func didApply(_ applied: Applied, ticket: WorkTicket, now: Duration) {
        isApplying = false
        held = Held(step: ticket.step, digest: applied.stateDigest, gradientNorm: applied.gradientNorm)
        kept = nil
        if isCatchingUp { return didCatchUp(applied, ticket: ticket, now: now) }
        guard isCurrent(ticket) else {
            if case .registering = phase { sendRegister(now: now) }
            return
        }
        step = nil
        send(.applied(applied), step: ticket.step, generation: ticket.generation)
    }

    /// Tells the coordinator from whom nothing comes any more.
    mutating func didCheck(_ awaited: [AwaitedChunks], ticket: WorkTicket, now: Duration) {
        guard isCurrent(ticket), ticket.generation == step?.generation, step?.prepared == nil else { return }
        let stalled = exchangeWatch.stalled(awaited, now: now, limit: lostAfter)
        guard !stalled.isEmpty else { return }
        send(
            .exchangeStalled(
                ExchangeStalled(
                    partialsFrom: stalled.filter(\.owesPartials).map(\.peer),
                    reducedFrom: stalled.filter { !$0.owesPartials }.map(\.peer))),
            step: ticket.step, generation: ticket.generation)
    }

    mutating func didReceiveAbort(header: Envelope.Header) {
        if kept?.step == header.step { forgetKept() }
        guard let step, step.step == header.step, !step.isApplying, header.generation >= step.generation
        else {
            return
        }
        self.step?.prepared = nil
        self.step?.commit = nil
        actions.append(.abandonReduction)
    }

    mutating func didReceive(_ assignment: EvaluationAssignment, envelope: Envelope, now: Duration) {
        guard case .active = phase, holdsState, let held, assignment.leaves.count == envelope.payload.count
        else { return }
        guard held.step == envelope.header.step else {
            // An evaluation of an earlier step is over; one of a later step would be of the wrong state.
            guard held.step < envelope.header.step, !isApplying else { return }
            actions.append(
                .log("the state of step \(envelope.header.step) is not held here: registering again"))
            return register(now: now)
        }
        let ticket = WorkTicket(
            session: session, step: envelope.header.step, generation: envelope.header.generation)
        for (leaf, frame) in zip(assignment.leaves, envelope.payload) {
            computationsUnderWay += 1
            actions.append(.score(leaf: leaf, frame: frame, ticket: ticket))
        }
    }

    mutating func didReceiveSnapshotRequest(header: Envelope.Header, now: Duration) {
        guard case .active = phase else { return }
        guard holdsState, let held, held.step == header.step, !isApplying else {
            actions.append(.log("the state of step \(header.step) is not held here: registering again"))
            return register(now: now)
        }
        let answer = Envelope.Header(runID: runID, term: term, step: held.step, sender: id)
        copiesUnderWay += 1
        computationsUnderWay += 1
        actions.append(.sendState(answer, digest: held.digest))
    }

    /// The state may change again.
    mutating func didCopyState() {
        copiesUnderWay -= 1
        computationsUnderWay -= 1
        guard copiesUnderWay == 0 else { return }
        if let (commit, header) = waitingCommit {
            waitingCommit = nil
            didReceive(commit, header: header)
        }
        catchUp()
    }
}
