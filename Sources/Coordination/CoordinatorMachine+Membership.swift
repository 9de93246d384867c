import WireProtocol

extension CoordinatorMachine {
    mutating func receive(_ envelope: Envelope, from connection: ConnectionID, now: Duration) {
        if case .register(let register) = envelope.body {
            didRegister(register, header: envelope.header, connection: connection, now: now)
            return
        }
        if case .statusRequest = envelope.body { return didAskStatus(from: connection, now: now) }
        guard !hasEnded else {
            switch envelope.body {
            case .heartbeat, .leave: send(.finish(Finish(reason: "the run is over")), to: connection)
            default: break
            }
            return
        }
        guard let id = idOfConnection[connection], envelope.header.sender == id,
            envelope.header.runID == options.runID, envelope.header.term == options.term
        else {
            // One that was given up, or that knows an earlier life of the coordinator.
            droppedMessageCount += 1
            if case .heartbeat = envelope.body {
                send(
                    .abort(Abort(reason: "this coordinator does not know you; register again")),
                    to: connection)
            }
            return
        }
        members[id]?.lastHeard = now
        switch envelope.body {
        case .stateLoaded(let loaded): didLoadState(loaded, of: id, step: envelope.header.step, now: now)
        case .leafComputed(let report): didCompute(report, by: id, header: envelope.header, now: now)
        case .prepared(let prepared): didPrepare(prepared, by: id, header: envelope.header, now: now)
        case .applied(let applied): didApply(applied, by: id, header: envelope.header, now: now)
        case .evaluated(let evaluated): didEvaluate(evaluated, by: id, header: envelope.header)
        case .stateChunk(let chunk):
            let step = upload?.from == id ? upload?.step : appliedStep
            if isExpectingSnapshot(from: id), envelope.header.step == step, envelope.payload.count == 1 {
                upload?.lastPiece = now
                actions.append(.storeSnapshotChunk(chunk, payload: envelope.payload[0], from: id))
            } else {
                droppedMessageCount += 1
            }
        case .leave(let leave): didReceive(leave, from: id, now: now)
        case .exchangeStalled(let report):
            didStall(
                report, by: id, step: envelope.header.step, generation: envelope.header.generation, now: now)
        case .leafRelease(let release):
            didRelease(release, by: id, header: envelope.header, now: now)
        case .errorReport(let report): didReport(report, by: id, now: now)
        case .heartbeat: break
        case .register, .welcome, .refuse, .assign, .commit, .abort, .evaluate, .snapshotRequest, .finish,
            .partial, .reduced, .statusRequest, .statusReport, .baseRequest, .baseProgress, .baseManifest,
            .baseSources, .baseChunkRequest, .baseChunk:
            droppedMessageCount += 1
        }
    }

    private mutating func didRegister(
        _ register: Register, header: Envelope.Header, connection: ConnectionID, now: Duration
    ) {
        if let id = idOfConnection[connection], let member = members[id] {
            if member.phase == .building, member.register == register {
                // Sent again because the welcome took long.
                sendWelcome(to: member)
                return
            }
            remove(id, reason: "registered again", now: now)
        }
        if let refusal = refusal(of: register, header: header) {
            send(.refuse(refusal), to: connection)
            record("refused", ["host": register.host, "message": refusal.message])
            return
        }
        if register.baseDigest != options.baseDigest {
            record("warning", ["message": "\(register.host) trains on another base (\(register.baseDigest))"])
        }
        if let numerics, numerics != register.numerics {
            record(
                "warning",
                [
                    "message": "\(register.host) computes with \(register.numerics.text), the run with "
                        + "\(numerics.text): with cluster.numerics: relaxed it takes part. The adapter's last bits "
                        + "then depend on who computes what, and steps that are computed again may come out "
                        + "otherwise; all workers still hold the same state, and every example counts once"
                ])
        }
        if numerics == nil { numerics = register.numerics }
        board.didRegister(register)
        let member = Member(id: nextID, connection: connection, register: register, now: now)
        nextID += 1
        members[member.id] = member
        idOfConnection[connection] = member.id
        sendWelcome(to: member)
        record(
            "registered",
            ["worker": "\(member.id)", "host": register.host, "threads": "\(register.threadCount)"])
    }

    private func refusal(of register: Register, header: Envelope.Header) -> Refusal? {
        if header.protocolVersion != ProtocolVersion.current {
            return Refusal(
                code: .protocolVersion,
                message:
                    "the coordinator speaks protocol \(ProtocolVersion.current), the worker on \(register.host) "
                    + "(shoal \(register.shoalVersion)) speaks \(header.protocolVersion); "
                    + "install the same version on both")
        }
        if hasEnded { return Refusal(code: .runFinished, message: "the run is over") }
        if strikes(of: register) > 1 {
            return Refusal(
                code: .notAdmitted,
                message: "\(register.host) had to be sent away twice within ten minutes; its log says why")
        }
        if nextID == .max {
            return Refusal(
                code: .notAdmitted,
                message: "workers have registered \(nextID - 1) times; restart the coordinator with --resume")
        }
        if register.baseDigest != options.baseDigest, !options.allowsDifferentBase {
            return Refusal(
                code: .differentBase,
                message: "the base on \(register.host) has digest \(register.baseDigest), the run's has "
                    + "\(options.baseDigest); give that worker the same files")
        }
        if let numerics, options.requiresEqualNumerics, register.numerics != numerics {
            return Refusal(
                code: .differentNumerics,
                message:
                    "\(register.host) computes with \(register.numerics.text), the run with \(numerics.text): "
                    + "the results would not have the same bits; install the same BLAS and set "
                    + "OPENBLAS_CORETYPE alike on all hosts")
        }
        if let held = register.held, held.runID == options.runID, held.step > ledgerHead {
            return Refusal(
                code: .differentState,
                message: "\(register.host) has applied step \(held.step), the ledger ends at \(ledgerHead): "
                    + "is this an older copy of the run's directory?")
        }
        if let held = register.held, held.runID == options.runID, options.requiresEqualNumerics,
            let known = knownDigest(after: held.step), known != held.stateDigest
        {
            return Refusal(
                code: .differentState,
                message:
                    "\(register.host) holds another state after step \(held.step) than the ledger says; its "
                    + "memory may be faulty, or it trained beside another copy of the run: start it again")
        }
        return nil
    }

    private mutating func sendWelcome(to member: Member) {
        let welcome = Welcome(
            workerID: member.id, configuration: options.configuration,
            adapterConfiguration: options.adapterConfiguration,
            heartbeatSeconds: options.heartbeatInterval.inSeconds,
            lostAfterSeconds: options.lostAfter.inSeconds,
            orphanTimeoutSeconds: options.orphanTimeout.inSeconds,
            parameterCount: UInt64(options.parameterCount))
        send(.welcome(welcome), to: member.connection)
    }

    /// The worker built its model (no digest), or installed the state and digested it.
    private mutating func didLoadState(_ loaded: StateLoaded, of id: UInt32, step: UInt64, now: Duration) {
        guard let member = members[id] else { return }
        if loaded.stateDigest.isEmpty {
            guard member.phase == .building else { return }
            members[id]?.phase = .ready
            catchUp(id)
            return
        }
        didLoad(step, digest: loaded.stateDigest, by: id)
    }

    /// Errors of data or logic would meet every worker; what else fails is this worker's own trouble.
    private mutating func didReport(_ report: ErrorReport, by id: UInt32, now: Duration) {
        guard let member = members[id] else { return }
        let message = "\(member.name): \(report.message)"
        let isFatal = report.code == 65 || report.code == 70
        if isFatal, member.phase == .active || !hasBegun {
            fail(code: report.code, message)
        } else {
            remove(id, reason: report.message, now: now)
        }
    }

    mutating func tick(now: Duration) {
        // If the coordinator itself was stopped for a while, nobody could be heard: that is not the workers' fault.
        if let lastTick, now - lastTick > options.lostAfter / 2 {
            for id in members.keys {
                members[id]?.lastHeard += now - lastTick
                if let since = members[id]?.waitedForSince {
                    members[id]?.waitedForSince = since + (now - lastTick)
                }
            }
        }
        lastTick = now
        guard !hasEnded else { return }
        for member in members.values.sorted(by: { $0.id < $1.id })
        where now - member.lastHeard > options.lostAfter {
            remove(
                member.id, reason: "silent for \(((now - member.lastHeard).inSeconds * 10).rounded() / 10) s",
                now: now)
        }
        dismissStalledNewcomers(now: now)
        retryStalledExchange(now: now)
        relieveStragglers(now: now)
        if options.reducer != nil, case .stepping(let progress) = phase, !progress.isLedgered {
            actions.append(
                .checkExchange(step: progress.request.step, generation: progress.generation))
        }
        guard now >= nextHeartbeat, !hasEnded else { return }
        nextHeartbeat = now + options.heartbeatInterval
        heartbeatCount += 1
        for member in members.values.sorted(by: { $0.id < $1.id }) {
            send(.heartbeat(Heartbeat(sequence: heartbeatCount)), to: member.connection)
        }
    }
}

extension NumericsFingerprint {
    /// For messages.
    var text: String { "\(blas), core \(core), kernels \(kernels)" }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
