import WireProtocol

extension WorkerMachine {
    /// Starts over: what was under way belongs to nobody any more.
    mutating func register(now: Duration) {
        session += 1
        phase = .registering
        forgetWork()
        sendRegister(now: now)
    }

    private mutating func forgetWork() {
        if step != nil { actions += [.abandonReduction, .cancelWork] }
        step = nil
        installWhenIdle = nil
        isReceivingState = false
    }

    mutating func sendRegister(now: Duration) {
        nextRegister = now + options.registerInterval
        var register = options.register
        register.held = held.map { HeldState(runID: runID, step: $0.step, stateDigest: $0.digest) }
        actions.append(.send(Envelope(header: Envelope.Header(), body: .register(register))))
    }

    mutating func didReceive(_ welcome: Welcome, header: Envelope.Header, now: Duration) {
        guard welcome.workerID != 0 else { return }
        var isRegistering = false
        if case .registering = phase { isRegistering = true }
        // A second welcome under another id: the coordinator took a repeated registration for a new one.
        guard isRegistering || welcome.workerID != id || header.term != term else { return }
        guard header.runID != runID || header.term >= term else { return }
        if !isRegistering {
            session += 1
            forgetWork()
        }
        if header.runID != runID { held = nil }
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
            phase = .loading
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
        guard case .loading = phase, envelope.payload.count == 1 else { return }
        announcedDigest = chunk.stateDigest
        installWhenIdle = nil
        isReceivingState = !chunk.isLast
        actions.append(.storeStateChunk(chunk, payload: envelope.payload[0]))
        if chunk.isLast { installWhenIdle = envelope.header.step }
    }

    /// The parameters are read by computations under way, even those nobody waits for any more.
    mutating func installIfIdle() {
        guard let step = installWhenIdle, computationsUnderWay == 0, installingSession == nil,
            case .loading = phase
        else { return }
        installWhenIdle = nil
        installingSession = session
        held = nil
        actions.append(.installState(step: step))
    }

    mutating func didInstall(step: UInt64, digest: [UInt8]) {
        let isWanted = installingSession == session && installWhenIdle == nil && !isReceivingState
        installingSession = nil
        // Sent again meanwhile, or registered again: this state is not the one that is wanted.
        guard case .loading = phase, isWanted else { return }
        guard digest == announcedDigest else {
            fail(code: 74, "the state of step \(step) arrived with another digest than announced")
            return
        }
        held = (step, digest)
        phase = .active
        send(.stateLoaded(StateLoaded(stateDigest: digest)), step: step)
    }
}

extension Welcome {
    /// Whether an engine built for one serves the other.
    fileprivate func describesSameModel(as other: Welcome) -> Bool {
        configuration == other.configuration && adapterConfiguration == other.adapterConfiguration
            && parameterCount == other.parameterCount
    }
}
