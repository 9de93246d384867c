import WireProtocol

extension WorkerMachine {
    /// Whether the step a computation was started for is still under way.
    func isCurrent(_ ticket: WorkTicket) -> Bool {
        ticket.session == session && ticket.step == step?.step
    }

    mutating func didReceive(_ assignment: Assignment, envelope: Envelope) {
        let header = envelope.header
        guard case .active = phase, let held, header.step == held.step + 1 else { return }
        let plan = assignment.plan
        if let step, step.step == header.step, header.generation <= step.generation { return }
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
        if current == nil {
            current = Step(step: header.step, leafCount: plan.leafCount, generation: header.generation)
            actions.append(.beginStep(leafCount: Int(plan.leafCount), ticket: ticket))
        }
        guard var current else { return }
        current.generation = header.generation
        current.prepared = nil
        for (leaf, frame) in zip(assignment.leaves, envelope.payload)
        where current.leaves.insert(leaf).inserted {
            computationsUnderWay += 1
            actions.append(.compute(leaf: leaf, frame: frame, ticket: ticket))
        }
        step = current
        guard Set(own.leaves).isSubset(of: current.leaves) else {
            fail(code: 70, "the plan of step \(header.step) counts on micro-batches that were not sent")
            return
        }
        actions.append(.beginReduction(plan, ticket: ticket))
    }

    mutating func didReduce(_ prepared: Prepared, ticket: WorkTicket) {
        guard isCurrent(ticket), ticket.generation == step?.generation, step?.prepared == nil else { return }
        step?.prepared = prepared
        send(.prepared(prepared), step: ticket.step, generation: ticket.generation)
    }

    mutating func didReceive(_ commit: Commit, header: Envelope.Header) {
        guard case .active = phase, let step, header.step == step.step, header.generation == step.generation,
            let prepared = step.prepared, !step.isApplying
        else { return }
        guard commit.gradientDigest == prepared.gradientDigest else {
            fail(
                code: 70, "step \(header.step) was committed with another gradient than this worker prepared")
            return
        }
        self.step?.isApplying = true
        computationsUnderWay += 1
        actions.append(
            .apply(
                commit,
                ticket: WorkTicket(session: session, step: header.step, generation: header.generation)))
    }

    mutating func didApply(_ applied: Applied, ticket: WorkTicket) {
        guard isCurrent(ticket) else {
            // The state was changed for a session that is over; it is nothing to come back with.
            held = nil
            return
        }
        held = (ticket.step, applied.stateDigest)
        step = nil
        send(.applied(applied), step: ticket.step, generation: ticket.generation)
    }

    mutating func didReceiveAbort(header: Envelope.Header) {
        guard let step, step.step == header.step, !step.isApplying, header.generation >= step.generation
        else {
            return
        }
        self.step?.prepared = nil
        actions.append(.abandonReduction)
    }

    mutating func didReceive(_ assignment: EvaluationAssignment, envelope: Envelope) {
        guard case .active = phase, assignment.leaves.count == envelope.payload.count else { return }
        let ticket = WorkTicket(
            session: session, step: envelope.header.step, generation: envelope.header.generation)
        for (leaf, frame) in zip(assignment.leaves, envelope.payload) {
            computationsUnderWay += 1
            actions.append(.score(leaf: leaf, frame: frame, ticket: ticket))
        }
    }

    mutating func didReceiveSnapshotRequest(header: Envelope.Header) {
        guard case .active = phase else { return }
        guard let held, held.step == header.step, step?.isApplying != true else {
            fail(
                code: 74,
                "a snapshot of step \(header.step) was asked for, this worker holds "
                    + (held.map { "step \($0.step)" } ?? "none"))
            return
        }
        let answer = Envelope.Header(runID: runID, term: term, step: held.step, sender: id)
        actions.append(.sendState(answer, digest: held.digest))
    }
}
