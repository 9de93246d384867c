import WireProtocol

extension CoordinatorMachine {
    mutating func didPrepareWork(_ request: StepRequest?, now: Duration) {
        guard case .preparingWork = phase else { return }
        phase = .idle
        guard let request else {
            agenda = Agenda(checkpoint: true, finish: true)
            return
        }
        // An interrupt, or the loss of the last worker, while the driver was at it.
        guard !isStopping, !activeMembers.isEmpty else { return }
        guard request.step == appliedStep + 1, request.leafCount >= 1,
            request.leafCount <= ReductionTree.maximumLeafCount
        else {
            fail(
                code: 70,
                "step \(request.step) with \(request.leafCount) micro-batches was prepared after step \(appliedStep)"
            )
            return
        }
        hasBegun = true
        if request.step <= ledgerHead {
            if finishLedgered(request, now: now) { return }
            record("replay", ["step": "\(request.step)"])
        }
        startGeneration(of: StepProgress(request: request, began: now), now: now)
    }

    /// Plans the step anew over the present workers, who keep the leaves they have.
    mutating func startGeneration(of progress: StepProgress, now: Duration) {
        var progress = progress
        progress.lastProgress = now
        progress.generationBegan = now
        let owners = chunkOwners(now: now)
        let active = activeMembers
        guard !active.isEmpty else {
            phase = .idle
            return
        }
        let step = progress.request.step
        progress.generation = (generations[step] ?? 0) + 1
        generations[step] = progress.generation
        progress.prepared = [:]
        progress.stallReports = [:]
        exchangeWatch = ExchangeWatch()
        let ids = Set(active.map(\.id))
        progress.workerOfLeaf = progress.workerOfLeaf.filter { ids.contains($0.value) }
        let workers = active.map { member in
            let held = progress.leaves(of: member.id)
            return PlanBuilder.Worker(
                id: member.id, dataEndpoint: member.register.dataEndpoint,
                publicKey: member.register.publicKey,
                threadCount: Int(member.register.threadCount), secondsPerLeaf: member.secondsPerLeaf,
                heldLeaves: held, pendingLeafCount: held.count { progress.reports[$0] == nil })
        }
        let followers = followers
        let plan = PlanBuilder.plan(
            leafCount: progress.request.leafCount, layout: options.layout, workers: workers,
            followers: followers.map { Plan.Participant($0) }, reducer: options.reducer, owners: owners,
            rotation: step)
        progress.plan = plan
        progress.followers = Set(followers.map(\.id))
        if options.reducer != nil {
            actions.append(.beginReduction(plan, step: step, generation: progress.generation))
        }
        for member in active {
            members[member.id]?.claim = nil
            let leaves = plan.participant(member.id)?.leaves ?? []
            let new = leaves.filter { progress.workerOfLeaf[$0] == nil }
            for leaf in new {
                progress.workerOfLeaf[leaf] = member.id
                progress.generationOfLeaf[leaf] = progress.generation
                // A leaf whose first worker is gone is computed again before anybody counts on it.
                progress.reports[leaf] = nil
            }
            send(
                .assign(Assignment(plan: plan, leaves: new)), to: member.connection, step: step,
                generation: progress.generation)
        }
        for member in followers {
            members[member.id]?.preparedStep = appliedStep
            members[member.id]?.following = (step, progress.generation)
            send(
                .assign(Assignment(plan: plan, leaves: [], follows: true)), to: member.connection, step: step,
                generation: progress.generation)
        }
        phase = .stepping(progress)
    }

    mutating func didCompute(_ report: LeafComputed, by id: UInt32, header: Envelope.Header, now: Duration) {
        guard case .stepping(var progress) = phase, header.step == progress.request.step,
            progress.workerOfLeaf[report.leaf] == id
        else { return droppedMessageCount += 1 }
        progress.lastProgress = now
        progress.lastReport[id] = now
        if progress.reports[report.leaf] == nil { members[id]?.measure(seconds: report.seconds) }
        progress.reports[report.leaf] = report
        phase = .stepping(progress)
        guard !report.isFinite else {
            relieveStragglers(now: now)
            return ledgerIfPrepared()
        }
        let examples = progress.request.examplesOfLeaf
        let named =
            examples.indices.contains(Int(report.leaf))
            ? " (examples \(examples[Int(report.leaf)].map(String.init).joined(separator: ", ")))" : ""
        let message =
            "step \(header.step): micro-batch \(report.leaf)\(named) gave a loss or gradient that is not finite "
            + "on worker \(id)"
        if options.skipsNonFiniteSteps {
            record("warning", ["message": message, "step": "\(header.step)"])
        } else {
            stop(
                code: 65,
                message + "; lower the learning rate, look at these rows, or set "
                    + "training.on_non_finite: skip_step")
        }
    }

    mutating func didPrepare(_ prepared: Prepared, by id: UInt32, header: Envelope.Header, now: Duration) {
        if let member = members[id], member.phase != .active {
            return didPrepareFollowing(member, header: header)
        }
        guard case .stepping(var progress) = phase, header.step == progress.request.step,
            header.generation == progress.generation, !progress.isLedgered,
            progress.plan?.participant(id) != nil, progress.prepared[id] == nil
        else { return droppedMessageCount += 1 }
        progress.prepared[id] = prepared
        progress.lastProgress = now
        phase = .stepping(progress)
        ledgerIfPrepared()
    }

    /// Once all workers hold the reduced gradient: checks that it is one, and has the ledger written.
    private mutating func ledgerIfPrepared() {
        guard case .stepping(var progress) = phase, !progress.isLedgered else { return }
        let step = progress.request.step
        let workers = activeMembers.map(\.id).filter { progress.plan?.participant($0) != nil }
        guard let id = workers.first, let prepared = progress.prepared[id],
            workers.allSatisfy({ progress.prepared[$0] != nil }), let loss = progress.loss
        else { return }
        if let other = workers.first(where: {
            progress.prepared[$0]?.gradientDigest != prepared.gradientDigest
        }) {
            fail(
                code: 70,
                "step \(step): workers \(other) and \(id) hold different reduced gradients after the same "
                    + "exchange; the network or a machine's memory is faulty")
            return
        }
        guard loss.tokenCount == progress.request.supervisedTokenCount else {
            fail(
                code: 70,
                "step \(step): workers counted \(loss.tokenCount) supervised tokens, the batch has "
                    + "\(progress.request.supervisedTokenCount)")
            return
        }
        let line = LedgeredStep(
            generation: progress.generation, gradientDigest: prepared.gradientDigest,
            stateDigestBefore: stateDigest, lossSum: loss.lossSum, wasSkipped: progress.isNonFinite)
        progress.line = line
        phase = .stepping(progress)
        actions.append(
            .appendLedger(
                LedgerRecord(
                    step: step, generation: progress.generation,
                    leafWorkers: (0..<UInt32(progress.request.leafCount)).map {
                        progress.workerOfLeaf[$0] ?? 0
                    },
                    gradientDigest: line.gradientDigest, stateDigestBefore: line.stateDigestBefore,
                    lossSum: loss.lossSum, wasSkipped: line.wasSkipped)))
    }

    mutating func didWriteLedger(step: UInt64) {
        ledgerHead = max(ledgerHead, step)
        guard case .stepping(var progress) = phase, progress.request.step == step, let line = progress.line,
            progress.commit == nil
        else { return }
        ledgered[step] = line
        workerCountBefore = progress.prepared.count
        let commit = commit(of: progress, line)
        progress.commit = commit
        phase = .stepping(progress)
        for member in activeMembers where progress.prepared[member.id] != nil {
            send(.commit(commit), to: member.connection, step: step, generation: progress.generation)
        }
        for id in progress.followers.sorted() {
            guard let member = members[id] else { continue }
            send(.commit(commit), to: member.connection, step: step, generation: progress.generation)
        }
    }

    /// What the workers are told once the line is written; asked for once a step.
    func commit(of progress: StepProgress, _ line: LedgeredStep) -> Commit {
        let request = progress.request
        return Commit(
            gradientDigest: line.gradientDigest, tokenCount: request.supervisedTokenCount,
            learningRate: request.learningRate, biasCorrection1: request.biasCorrection1,
            biasCorrection2: request.biasCorrection2, skipsUpdate: line.wasSkipped,
            // Whoever is to join gets a state whose digest all have confirmed.
            skipsStateDigest: !request.digestsState && interruption == nil
                && members.values.allSatisfy { $0.phase == .active })
    }

    mutating func didApply(_ applied: Applied, by id: UInt32, header: Envelope.Header, now: Duration) {
        if let member = members[id], case .loading = member.phase {
            return didMakeUp(header.step, applied, by: id)
        }
        guard case .stepping(var progress) = phase, header.step == progress.request.step,
            header.generation == progress.generation, progress.commit != nil, progress.prepared[id] != nil,
            progress.applied[id] == nil
        else { return droppedMessageCount += 1 }
        progress.applied[id] = applied
        phase = .stepping(progress)
        finishStepIfApplied(progress, now: now)
    }

    private mutating func finishStepIfApplied(_ progress: StepProgress, now: Duration) {
        let workers = activeMembers.map(\.id).filter { progress.prepared[$0] != nil }
        guard progress.commit != nil, let first = workers.first, let applied = progress.applied[first],
            let loss = progress.loss, workers.allSatisfy({ progress.applied[$0] != nil })
        else { return }
        let step = progress.request.step
        if let other = workers.first(where: { progress.applied[$0]?.stateDigest != applied.stateDigest }) {
            fail(
                code: 70,
                "after step \(step) the state of \(members[other]?.name ?? "worker \(other)") differs from that of "
                    + "\(members[first]?.name ?? "worker \(first)"); one of the machines computes wrongly")
            return
        }
        let wasSkipped = progress.isNonFinite || !applied.gradientNorm.isFinite
        if wasSkipped, !progress.isNonFinite {
            // Every micro-batch's gradient was finite, their sum is not; the workers left the state as it was.
            let message =
                "step \(step): the norm of the summed gradient is not finite (micro-batches 0 to "
                + "\(progress.request.leafCount - 1))"
            guard options.skipsNonFiniteSteps else {
                fail(
                    code: 65,
                    message + "; lower the learning rate, or set training.on_non_finite: skip_step")
                return
            }
            record("warning", ["message": message, "step": "\(step)"])
        }
        appliedStep = step
        stateDigest = applied.stateDigest
        if !stateDigest.isEmpty { confirmed = (step, stateDigest) }
        phase = .deciding
        let result = StepResult(
            step: step, generation: progress.generation, lossSum: loss.lossSum,
            supervisedTokenCount: loss.tokenCount, gradientNorm: applied.gradientNorm,
            gradientDigest: progress.prepared[first]?.gradientDigest ?? [], stateDigest: applied.stateDigest,
            duration: now - (lastFinish ?? progress.began),
            prepared: workers.compactMap { progress.prepared[$0] }, wasSkipped: wasSkipped,
            remarks: board.remarks(activeMembers, now: now))
        board.didFinish(
            result, tokenCount: progress.request.tokenCount, active: activeMembers, now: now)
        actions.append(.stepFinished(result))
        lastFinish = now
    }

    /// A worker is gone: before the ledger's line the step starts over without it, after it the others finish.
    mutating func didLose(_ id: UInt32, during progress: StepProgress, now: Duration) {
        if progress.isLedgered {
            if activeMembers.isEmpty {
                // Nobody holds the state; the ledgered step is replayed from the checkpoint.
                phase = .idle
            } else {
                finishStepIfApplied(progress, now: now)
            }
        } else if progress.plan?.participant(id) != nil, !progress.followers.contains(id) {
            startGeneration(of: progress, now: now)
        }
    }
}
