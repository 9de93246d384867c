import WireProtocol

/// How a worker comes in while steps go on: it gets the state after some step, keeps the reduced gradients of the steps
/// behind it, applies them, and takes part from the next step on once it holds the present state.
extension CoordinatorMachine {
    /// Bytes of a state a second that a newcomer must manage while the others wait for it.
    private static let slowestLoad = 16.0 * 1024 * 1024
    /// A worker that had to be sent away twice within this time is refused.
    private static let forgetsStrikesAfter = Duration.seconds(600)

    /// How often, and when last, a worker was in the way of the others.
    struct Strikes: Sendable {
        var count: Int
        var at: Duration
    }

    /// Takes in whoever holds the present state, and begins with those that wait for it.
    ///
    /// - Returns: false while the next step has to wait for a newcomer.
    mutating func admitMembers(now: Duration) -> Bool {
        admitClaims()
        admitLoaded()
        beginLoading()
        let waitedFor = members.values.filter { holdsUp($0) }
        for member in waitedFor where member.waitedForSince == nil {
            members[member.id]?.waitedForSince = now
        }
        return waitedFor.isEmpty
    }

    /// Lets those take part that hold the present state by now.
    mutating func admitLoaded() {
        for member in members.values.sorted(by: { $0.id < $1.id }) {
            guard case .loading = member.phase, let loaded = member.loaded, loaded.step == appliedStep else {
                continue
            }
            guard loaded.digest == stateDigest else {
                turnAway(
                    member.id, code: .differentState,
                    message: "\(member.name) holds another state after step \(appliedStep) than the run; "
                        + "its memory or the network is faulty: start it again")
                continue
            }
            members[member.id]?.phase = .active
            record(
                "joined",
                ["worker": "\(member.id)", "step": "\(appliedStep)", "host": member.register.host])
        }
    }

    /// Sends the state to those that wait for it, or has it fetched from a worker while the next step goes on.
    private mutating func beginLoading() {
        let ready = members.values.filter { $0.phase == .ready }.sorted { $0.id < $1.id }
        guard !ready.isEmpty else { return }
        if heldStep != appliedStep {
            if upload == nil { beginUpload(saves: false) }
            // One that is on its way since an earlier step leaves a gap: the next boundary is soon enough.
            guard upload?.step == appliedStep else { return }
        }
        for member in ready {
            members[member.id]?.beginLoading(step: appliedStep)
            if heldStep == appliedStep {
                actions.append(.sendState(header(step: appliedStep), to: member.connection))
            }
        }
    }

    /// Nobody takes part any more: newcomers that have a state go on from it, as if they had kept it.
    mutating func claimLoaded() {
        for (id, member) in members {
            guard case .loading = member.phase, let loaded = member.loaded else { continue }
            members[id]?.phase = .ready
            members[id]?.claim = HeldState(
                runID: options.runID, step: loaded.step, stateDigest: loaded.digest,
                gradientNorm: loaded.gradientNorm)
        }
    }

    /// The state that newcomers wait for is here.
    mutating func sendUploadedState(step: UInt64) {
        for member in members.values.sorted(by: { $0.id < $1.id }) where member.phase == .loading(step: step)
        {
            // What it took to fetch is not its doing.
            members[member.id]?.waitedForSince = nil
            actions.append(.sendState(header(step: step), to: member.connection))
        }
    }

    /// It is not going to come; at the next boundary another one is asked for.
    mutating func giveUpLoading(of step: UInt64) {
        for id in members.keys where members[id]?.phase == .loading(step: step) {
            members[id]?.phase = .ready
        }
    }

    /// Whether the next step waits for `member`: for a gradient that it needs and the others hold already, for
    /// the last updates it has to make up for, or because it would have too many gradients to keep.
    private func holdsUp(_ member: Member) -> Bool {
        guard case .loading(let base) = member.phase, !activeMembers.isEmpty else { return false }
        if member.loaded != nil || member.preparedStep < appliedStep { return true }
        return appliedStep - base
            >= (strikes(of: member.register) == 0
                ? FollowedSteps.limit(parameterCount: options.parameterCount) : 0)
    }

    /// Those that follow the step that is about to begin, or to be tried again.
    var followers: [Member] {
        members.values.filter { member in
            guard case .loading = member.phase else { return false }
            // Also those that kept the gradient of an attempt at it that failed.
            return member.preparedStep >= appliedStep
        }.sorted { $0.id < $1.id }
    }

    /// It keeps the whole reduced gradient of a step.
    mutating func didPrepareFollowing(_ member: Member, header: Envelope.Header) {
        guard let following = member.following, header.step == following.step,
            header.generation == following.generation
        else { return droppedMessageCount += 1 }
        members[member.id]?.preparedStep = header.step
        members[member.id]?.waitedForSince = nil
    }

    /// A newcomer holds the state it was sent.
    mutating func didLoad(_ step: UInt64, digest: [UInt8], by id: UInt32) {
        guard let member = members[id], case .loading(step) = member.phase, member.loaded == nil else {
            return droppedMessageCount += 1
        }
        members[id]?.loaded = (step, digest, 0)
        members[id]?.waitedForSince = nil
    }

    /// A newcomer that held the state before made up for this step. One that is being sent a later state is not there yet, although
    /// it gets as far with an earlier one: the later one is about to take its place.
    mutating func didMakeUp(_ step: UInt64, _ applied: Applied, by id: UInt32) {
        guard let member = members[id], case .loading = member.phase, let loaded = member.loaded,
            step == loaded.step + 1, step <= ledgerHead
        else { return droppedMessageCount += 1 }
        members[id]?.loaded = (step, applied.stateDigest, applied.gradientNorm)
        members[id]?.waitedForSince = nil
    }

    // MARK: - Patience

    /// Newcomers that the others wait for, in vain: the first time one may come back, and the others then wait while it is
    /// given the state; the second time it is refused. The same where a worker does not send the state that is fetched.
    mutating func dismissStalledNewcomers(now: Duration) {
        let bytes = Double(options.parameterCount) * 12
        let patience = options.lostAfter + .seconds(bytes / Self.slowestLoad)
        for member in members.values.sorted(by: { $0.id < $1.id }) {
            guard holdsUp(member), let since = member.waitedForSince, now - since > patience else { continue }
            if let upload, member.phase == .loading(step: upload.step), member.loaded == nil {
                guard now - upload.lastPiece > patience, isHeard(upload.from, now: now) else { continue }
                sendAway(
                    upload.from, code: .notAdmitted,
                    message: "worker \(upload.from) did not send its state for "
                        + "\(Self.seconds(now - upload.lastPiece)), while the others waited", now: now)
            } else if isHeard(member.id, now: now) {
                sendAway(
                    member.id, code: .notAdmitted,
                    message:
                        "\(member.name) did not load the state and make up for the steps behind it within "
                        + "\(Self.seconds(patience)), while the others waited", now: now)
            }
        }
    }

    /// One that is silent is about to be lost, and no more to blame for that.
    private func isHeard(_ id: UInt32, now: Duration) -> Bool {
        members[id].map { now - $0.lastHeard < options.lostAfter / 2 } ?? false
    }

    private static func seconds(_ duration: Duration) -> String {
        "\((duration.inSeconds * 10).rounded() / 10) s"
    }

    /// The next step begins without waiting.
    mutating func endWaiting() { for id in members.keys { members[id]?.waitedForSince = nil } }

    /// What a worker is remembered by.
    private func identity(_ register: Register) -> String {
        register.publicKey.isEmpty ? register.dataEndpoint : register.publicKey
    }

    /// How often it was sent away lately.
    func strikes(of register: Register) -> Int {
        guard let strikes = strikes[identity(register)], clock - strikes.at < Self.forgetsStrikesAfter else {
            return 0
        }
        return strikes.count
    }

    /// Does without a worker that is in the way of the others. The first time it may come back at once: a connection that
    /// broke is whole again by then.
    mutating func sendAway(_ id: UInt32, code: Refusal.Code, message: String, now: Duration) {
        guard let member = members[id] else { return }
        let count = strikes(of: member.register) + 1
        strikes = strikes.filter { now - $0.value.at < Self.forgetsStrikesAfter }
        strikes[identity(member.register)] = Strikes(count: count, at: now)
        if count > 1 { return turnAway(id, code: code, message: message) }
        forget(id, event: "lost", reason: message)
        send(.abort(Abort(reason: message)), to: member.connection)
    }
}

extension Plan.Participant {
    /// Somebody who computes nothing.
    init(_ member: Member) {
        self.init(
            id: member.id, dataEndpoint: member.register.dataEndpoint, publicKey: member.register.publicKey,
            leaves: [])
    }
}
