import WireProtocol

/// Steps that go on while the state is on its way: their gradients are kept, and applied once it is here.
extension WorkerMachine {
    /// Takes up a step, or another attempt at it.
    mutating func follow(_ plan: Plan, header: Envelope.Header) {
        guard case .active = phase else { return }
        if isFollowing, let step, step.step == header.step, header.generation <= step.generation { return }
        guard let own = plan.participant(id), own.leaves.isEmpty, !plan.chunkOwners.contains(id),
            plan.leafCount >= 1, Int(plan.leafCount) <= ReductionTree.maximumLeafCount
        else {
            fail(
                code: 70,
                "the plan of step \(header.step), generation \(header.generation), is not one to be followed")
            return
        }
        if step != nil, !isFollowing { setAsideWork() }
        forgetKept()
        if stateSession != session {
            // What is held is of an earlier session; another state is on its way.
            stateSession = session
            held = nil
        }
        dropFollowed { $0 >= header.step }
        isFollowing = true
        let ticket = WorkTicket(session: session, step: header.step, generation: header.generation)
        step = Step(step: header.step, leafCount: plan.leafCount, generation: header.generation)
        actions.append(.beginStep(leafCount: Int(plan.leafCount), ticket: ticket))
        actions.append(.beginReduction(plan, ticket: ticket))
    }

    /// The step is committed; its gradient may still be on its way.
    mutating func didFollow(_ commit: Commit, header: Envelope.Header) {
        guard let step, header.step == step.step, header.generation == step.generation else { return }
        if step.prepared == nil { self.step?.commit = commit } else { keep(commit) }
    }

    mutating func keep(_ commit: Commit) {
        guard let step, let prepared = step.prepared else { return }
        guard commit.gradientDigest == prepared.gradientDigest else {
            fail(code: 70, "step \(step.step) was committed with another gradient than this worker received")
            return
        }
        // The coordinator lets no more steps go by; the memory of this process does not depend on that.
        guard
            followed.count <= FollowedSteps.limit(parameterCount: Int(clamping: welcome?.parameterCount ?? 1))
        else {
            fail(
                code: 70,
                "\(followed.count) steps were committed while the state of an earlier one was on its way")
            return
        }
        self.step = nil
        followed.append((step.step, commit))
        actions.append(.keepGradient(step: step.step))
        catchUp()
    }

    /// Applies the next kept gradient, once the state before it is here.
    mutating func catchUp() {
        guard case .active = phase, holdsState, stateSession == session, !isApplying, copiesUnderWay == 0,
            let held
        else { return }
        // Those the state has already.
        dropFollowed { $0 <= held.step }
        guard let next = followed.first, next.step == held.step + 1 else { return }
        followed.removeFirst()
        isApplying = true
        isCatchingUp = true
        computationsUnderWay += 1
        actions.append(
            .applyKept(next.commit, ticket: WorkTicket(session: session, step: next.step, generation: 0)))
    }

    mutating func didCatchUp(_ applied: Applied, ticket: WorkTicket, now: Duration) {
        isCatchingUp = false
        guard ticket.session == session else {
            if case .registering = phase { sendRegister(now: now) }
            return
        }
        send(.applied(applied), step: ticket.step, generation: ticket.generation)
        catchUp()
    }

    /// Keeps nothing any more.
    mutating func stopFollowing() {
        isFollowing = false
        dropFollowed { _ in true }
    }

    mutating func dropFollowed(where isDropped: (UInt64) -> Bool) {
        let steps = followed.map(\.step).filter(isDropped)
        guard !steps.isEmpty else { return }
        followed.removeAll { steps.contains($0.step) }
        actions.append(.dropGradients(steps))
    }
}
