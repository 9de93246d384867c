import WireProtocol

/// Micro-batches of a worker that has become slow are computed again by workers that have nothing left to do.
///
/// The slow one is asked first and gives up what it has not finished; only then does another plan deal these. So no
/// micro-batch is with two workers at a time, and the sum is the same.
extension CoordinatorMachine {
    /// How many times longer than a repeat a worker must be expected to take before it is asked.
    private static let patience = 2.0
    /// What a worker must be expected to take at least: below it another plan costs more than it gains, and a busy host's
    /// scheduler makes anybody late.
    private static let leastSeconds = 0.25
    /// How many times its expected time a worker may take before it counts as slow.
    private static let lateness = 1.5

    /// Asks each worker that holds up the step, once in a step, to give up what idle ones would have done long before it.
    mutating func relieveStragglers(now: Duration) {
        guard case .stepping(var progress) = phase, !progress.isLedgered else { return }
        let active = activeMembers
        let idle = active.filter { member in
            member.drainReason == nil && progress.pendingLeaves(of: member.id).isEmpty
        }
        let idleThreads = idle.reduce(0) { $0 + max(Int($1.register.threadCount), 1) }
        let known = idle.compactMap(\.secondsPerLeaf)
        guard idleThreads > 0, !known.isEmpty else { return }
        let typical = known.reduce(0, +) / Double(known.count)
        for member in active where !progress.relieved.contains(member.id) {
            let pending = progress.pendingLeaves(of: member.id)
            guard !pending.isEmpty else { continue }
            let began = max(progress.lastReport[member.id] ?? .zero, progress.generationBegan)
            let elapsed = (now - began).inSeconds
            let rounds = Self.rounds(pending.count, threads: Int(member.register.threadCount))
            let expected = (member.secondsPerLeaf ?? typical) * rounds
            // It may compute them all together and report them at once; one that is far over that time is expected to
            // need as long again.
            let isLate = elapsed > Self.lateness * expected
            let remaining = isLate ? elapsed : max(expected - elapsed, 0)
            let repeated = typical * Self.rounds(pending.count, threads: idleThreads)
            guard remaining > max(Self.patience * repeated, Self.leastSeconds) else { continue }
            progress.relieved.insert(member.id)
            if isLate { members[member.id]?.secondsPerLeaf = elapsed / rounds }
            send(
                .leafRelease(LeafRelease(leaves: pending)), to: member.connection,
                step: progress.request.step, generation: progress.generation)
            record(
                "relieved",
                [
                    "worker": "\(member.id)", "step": "\(progress.request.step)",
                    "micro_batches": "\(pending.count)",
                ])
        }
        phase = .stepping(progress)
    }

    /// A worker gave these up, whatever it reported of them before: others compute them, under another plan.
    mutating func didRelease(_ release: LeafRelease, by id: UInt32, header: Envelope.Header, now: Duration) {
        guard case .stepping(var progress) = phase, !progress.isLedgered,
            header.step == progress.request.step
        else { return }
        // What was dealt to it behind this message is not meant, though it be the same micro-batch once more.
        let given = release.leaves.filter {
            progress.workerOfLeaf[$0] == id && progress.generationOfLeaf[$0, default: 0] <= header.generation
        }
        guard !given.isEmpty else { return }
        for leaf in given {
            progress.workerOfLeaf[leaf] = nil
            progress.reports[leaf] = nil
        }
        startGeneration(of: progress, now: now)
    }

    private static func rounds(_ count: Int, threads: Int) -> Double {
        Double((count + max(threads, 1) - 1) / max(threads, 1))
    }
}
