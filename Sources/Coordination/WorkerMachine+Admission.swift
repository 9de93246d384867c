import WireProtocol

extension WorkerMachine {
    /// Starts over. The state and a gradient that waits for its commit are kept; the rest of what was under way
    /// belongs to nobody any more.
    mutating func register(now: Duration) {
        session += 1
        phase = .registering
        setAsideWork()
        // What is being applied is about to make another state.
        if !isApplying, !isDigesting { sendRegister(now: now) }
    }

    mutating func setAsideWork() {
        if let step {
            actions.append(.cancelWork)
            if let prepared = step.prepared, !isFollowing {
                kept = Kept(step: step.step, generation: step.generation, prepared: prepared)
            } else {
                actions.append(.abandonReduction)
            }
        }
        step = nil
        waitingCommit = nil
        installWhenIdle = nil
        isReceivingState = false
        stopFollowing()
    }

    /// The gradient that was kept is not going to be applied.
    mutating func forgetKept() {
        if kept != nil { actions.append(.abandonReduction) }
        kept = nil
    }

    mutating func sendRegister(now: Duration) {
        if let held, installingSession == nil, held.digest.isEmpty {
            // A state whose digest was not taken cannot be told from another: it is taken first.
            isDigesting = true
            computationsUnderWay += 1
            actions.append(.digestState(step: held.step))
            return
        }
        nextRegister = now + options.registerInterval
        var register = options.register
        if let held, installingSession == nil {
            let prepared = kept?.step == held.step + 1 ? kept : nil
            register.held = HeldState(
                runID: runID, step: held.step, stateDigest: held.digest,
                preparedGeneration: prepared?.generation,
                preparedDigest: prepared?.prepared.gradientDigest ?? [], gradientNorm: held.gradientNorm)
        }
        actions.append(.send(Envelope(header: Envelope.Header(), body: .register(register))))
    }

    mutating func didDigest(step: UInt64, digest: [UInt8], now: Duration) {
        isDigesting = false
        if held?.step == step { held?.digest = digest }
        if case .registering = phase { sendRegister(now: now) }
    }

    mutating func didReceive(_ welcome: Welcome, header: Envelope.Header, now: Duration) {
        guard welcome.workerID != 0 else { return }
        var isRegistering = false
        if case .registering = phase { isRegistering = true }
        // A second welcome under another id: the coordinator took a repeated registration for a new one.
        guard isRegistering || welcome.workerID != id || header.term != term else { return }
        guard header.runID != runID || header.term >= term else { return }
        if isApplying {
            // What it said it holds is about to be untrue.
            if !isRegistering { register(now: now) }
            return
        }
        if !isRegistering {
            session += 1
            setAsideWork()
        }
        if header.runID != runID {
            held = nil
            forgetKept()
        }
        lastHeard = now
        id = welcome.workerID
        runID = header.runID
        term = header.term
        self.welcome = welcome
        buildOrLoad(welcome)
    }

    /// Asks for the state when the engine fits `welcome`, else for the engine.
    private mutating func buildOrLoad(_ welcome: Welcome) {
        if let engineWelcome, engineWelcome.describesSameModel(as: welcome) {
            phase = .active
            send(.stateLoaded(StateLoaded(stateDigest: [])))
            return
        }
        phase = .building
        // One at a time: whether that one fits is seen when it is there.
        guard buildingWelcome == nil else { return }
        buildingWelcome = welcome
        actions.append(.buildEngine(welcome))
    }

    mutating func didBuild(parameterCount: Int) {
        guard let built = buildingWelcome else { return }
        buildingWelcome = nil
        held = nil
        forgetKept()
        guard parameterCount == Int(clamping: built.parameterCount) else {
            fail(
                code: 65,
                "the model built here has \(parameterCount) trainable elements, the run has "
                    + "\(built.parameterCount): the base or the configuration differs")
            return
        }
        engineWelcome = built
        // Registering again meanwhile: the next welcome finds the engine built.
        guard case .building = phase, let welcome else { return }
        buildOrLoad(welcome)
    }

    mutating func didReceive(_ chunk: StateChunk, envelope: Envelope) {
        guard case .active = phase, envelope.payload.count == 1 else { return }
        if step != nil, !isFollowing { setAsideWork() }
        forgetKept()
        stateSession = session
        announcedDigest = chunk.stateDigest
        installWhenIdle = nil
        isReceivingState = !chunk.isLast
        actions.append(.storeStateChunk(chunk, payload: envelope.payload[0]))
        if chunk.isLast { installWhenIdle = envelope.header.step }
    }

    /// Asks for the state again, by registering; not forever.
    mutating func didBreakState(reason: String, now: Duration) {
        guard case .active = phase else { return }
        brokenStateCount += 1
        guard brokenStateCount < 3 else { return fail(code: 74, reason) }
        actions.append(.log("the state did not arrive whole, asking again: \(reason)"))
        register(now: now)
    }

    /// The parameters are read by computations under way, even those nobody waits for any more.
    mutating func installIfIdle() {
        guard let step = installWhenIdle, computationsUnderWay == 0, installingSession == nil,
            case .active = phase
        else { return }
        installWhenIdle = nil
        installingSession = session
        held = nil
        actions.append(.installState(step: step, keepsReduction: isFollowing))
    }

    mutating func didInstall(step: UInt64, digest: [UInt8], now: Duration) {
        let isWanted = installingSession == session && installWhenIdle == nil && !isReceivingState
        installingSession = nil
        // Sent again meanwhile, or registered again: this state is not the one that is wanted.
        guard case .active = phase, isWanted else { return }
        guard digest == announcedDigest else {
            held = nil
            return didBreakState(
                reason: "the state of step \(step) arrived with another digest than announced", now: now)
        }
        brokenStateCount = 0
        held = Held(step: step, digest: digest)
        send(.stateLoaded(StateLoaded(stateDigest: digest)), step: step)
        catchUp()
    }
}

extension Welcome {
    /// Whether an engine built for one serves the other.
    fileprivate func describesSameModel(as other: Welcome) -> Bool {
        configuration == other.configuration && adapterConfiguration == other.adapterConfiguration
            && parameterCount == other.parameterCount
    }
}
