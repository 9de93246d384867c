import WireProtocol

/// Exchanges that do not get through: who cannot reach whom, and how the step is done all the same.
///
/// The two of a pair that cannot reach one another both send to and receive from a third that finishes all chunks; so
/// nobody is lost as long as somebody is left whom all others reach. Where nobody is, what was lost is sent once more in case
/// that only a connection broke; if that stands still too, one of the pair has to go.
extension CoordinatorMachine {
    /// Pairs are tried again after this time, then after twice as long.
    private static let firstAvoidance = Duration.seconds(60)

    /// `reporter` (0 is the coordinator, in a star) misses chunks of others.
    mutating func didStall(
        _ report: ExchangeStalled, by reporter: UInt32, step: UInt64, generation: UInt64, now: Duration
    ) {
        guard case .stepping(var progress) = phase, !progress.isLedgered, step == progress.request.step,
            generation == progress.generation, let plan = progress.plan, plan.participant(reporter) != nil,
            !progress.followers.contains(reporter)
        else { return }
        progress.stallReports[reporter] = report
        phase = .stepping(progress)
        // One that has not computed or finished what it owes is slow, and one that is not heard is about to be lost.
        let blamed = Set(
            report.partialsFrom.filter { peer in
                guard let owed = plan.participant(peer)?.leaves, let last = progress.lastReport[peer] else {
                    return false
                }
                return owed.allSatisfy { progress.reports[$0] != nil } && now - last >= options.lostAfter
            }
                + report.reducedFrom.filter { peer in
                    // It has finished its chunks, if it misses nobody's partial sum.
                    if peer == 0 { return !progress.prepared.isEmpty }
                    return progress.prepared[peer] != nil
                        || progress.stallReports[peer]?.partialsFrom.isEmpty == true
                }
        ).filter { peer in
            peer == 0 || members[peer].map { now - $0.lastHeard < options.lostAfter / 2 } == true
        }
        guard !blamed.isEmpty else { return }
        for peer in blamed.sorted() {
            let pair = WorkerPair(reporter, peer)
            if !hasStandIn(for: pair, now: now), progress.retriedPairs.insert(pair).inserted {
                record(
                    "warning",
                    [
                        "message": "\(place(of: reporter)) receives nothing from \(place(of: peer)): "
                            + "what was lost is sent again"
                    ])
                continue
            }
            let count = (avoided[pair]?.count ?? 0) + 1
            avoided[pair] = (now + Self.firstAvoidance * (1 << min(count - 1, 10)), count)
            record(
                "warning",
                [
                    "message": "\(place(of: reporter)) receives nothing from \(place(of: peer)): the step "
                        + "is done without this way"
                ])
        }
        startGeneration(of: progress, now: now)
    }

    /// Whether the chunks of two that cannot reach one another can be finished by a third, so that neither has to go.
    private func hasStandIn(for pair: WorkerPair, now: Duration) -> Bool {
        guard options.reducer == nil else { return !pair.contains(0) }
        let broken = avoided.filter { $0.value.until > now }.keys
        return activeMembers.contains { member in
            !pair.contains(member.id) && !broken.contains { $0.contains(member.id) }
        }
    }

    /// The workers that everybody reaches, to finish chunks; those whom nobody can stand in for are sent away first.
    mutating func chunkOwners(now: Duration) -> Set<UInt32> {
        while true {
            let active = activeMembers
            let ids = Set(active.map(\.id)).union(options.reducer == nil ? [] : [0])
            let pairs = avoided.filter { $0.value.until > now }.keys
                .filter { ids.contains($0.low) && ids.contains($0.high) }
            let owners = ids.filter { id in !pairs.contains { $0.contains(id) } }
            if pairs.isEmpty || (options.reducer == nil ? !owners.isEmpty : owners.contains(0)) {
                return owners
            }
            // The one with most broken ways, then fewest threads, then the newest.
            let worst = active.max { left, right in
                let (a, b) = (pairs.count { $0.contains(left.id) }, pairs.count { $0.contains(right.id) })
                if a != b { return a < b }
                if left.register.threadCount != right.register.threadCount {
                    return left.register.threadCount > right.register.threadCount
                }
                return left.id < right.id
            }
            guard let worst, let pair = pairs.filter({ $0.contains(worst.id) }).min(by: { $0.low < $1.low })
            else { return ids }
            expel(worst, from: pair.low == worst.id ? pair.high : pair.low, now: now)
        }
    }

    private mutating func expel(_ member: Member, from other: UInt32, now: Duration) {
        let advice = "check firewalls and --bind, --advertise, --data-port"
        sendAway(
            member.id, code: .unreachable,
            message: "\(place(of: member.id)) and \(place(of: other)) cannot reach one another"
                + (options.reducer == nil
                    ? ", and no other worker is reached by all; \(advice), or set cluster.collective: star, "
                        + "which needs only the way to the coordinator"
                    : "; \(advice)"),
            now: now)
    }

    private func place(of id: UInt32) -> String {
        guard let member = members[id] else { return id == 0 ? "the coordinator" : "worker \(id)" }
        return "\(member.name) at \(member.register.dataEndpoint)"
    }

    /// All gradients are there, but their exchange stands still although nobody reports whose chunks are missing.
    mutating func retryStalledExchange(now: Duration) {
        guard case .stepping(var progress) = phase, !progress.isLedgered,
            progress.reports.count == progress.request.leafCount,
            now - progress.lastProgress > options.exchangeTimeout * (1 << progress.stalledExchangeCount)
        else { return }
        let waiting = activeMembers.filter { progress.prepared[$0.id] == nil }
            .map { place(of: $0.id) }.joined(separator: ", ")
        progress.stalledExchangeCount += 1
        guard progress.stalledExchangeCount < options.maximumExchangeAttempts else {
            fail(
                code: 69,
                "the exchange of gradients in step \(progress.request.step) does not get through to \(waiting); "
                    + "can the workers reach each other's data addresses (--bind, --advertise, --data-port)? "
                    + "cluster.collective: star needs only the way to the coordinator")
            return
        }
        record(
            "warning",
            [
                "message":
                    "the exchange of gradients stands still; trying again without what was lost; waiting for \(waiting)"
            ])
        startGeneration(of: progress, now: now)
    }
}
