package import WireProtocol

/// What the coordinator can tell about the run beyond the present members: the last step, who needs much longer than
/// the others, and who was lost lately.
package struct StatusBoard: Sendable {
    /// A worker counts as slow from so many times the median of the others' seconds a micro-batch.
    package static let slowFactor = 2.0
    /// How long a loss is worth a word on the progress line.
    static let lossIsNews = Duration.seconds(60)
    /// Losses kept.
    private static let lossCount = 16

    private var lost: [(status: MemberStatus, process: Process, at: Duration)] = []
    private var slowSince: [UInt32: Duration] = [:]
    package private(set) var last: (result: StepResult, tokenCount: Int64)?

    package init() {}

    /// A worker's process, which keeps its name when it comes back under another id.
    private struct Process: Equatable {
        let host: String
        let id: UInt32
        init(_ register: Register) { (host, id) = (register.host, register.processID) }
    }

    /// How many times longer than the others' median a worker takes for a micro-batch, by id; those that are slow.
    ///
    /// - Parameter active: those that take part.
    package static func slow(_ active: [Member]) -> [UInt32: Double] {
        var result: [UInt32: Double] = [:]
        for member in active {
            let others = active.filter { $0.id != member.id }.compactMap(\.secondsPerLeaf).sorted()
            guard let own = member.secondsPerLeaf, !others.isEmpty else { continue }
            let median = (others[(others.count - 1) / 2] + others[others.count / 2]) / 2
            if median > 0, own >= slowFactor * median { result[member.id] = own / median }
        }
        return result
    }

    package mutating func didRegister(_ register: Register) {
        lost.removeAll { $0.process == Process(register) }
    }

    package mutating func didLose(_ member: Member, reason: String, now: Duration) {
        slowSince[member.id] = nil
        var status = MemberStatus(member, state: .lost, seconds: 0, remark: reason)
        status.leavesPerSecond = 0
        lost.append((status, Process(member.register), now))
        if lost.count > Self.lossCount { lost.removeFirst() }
    }

    /// Notes a step that all have applied, and who is slow.
    package mutating func didFinish(_ result: StepResult, tokenCount: Int64, active: [Member], now: Duration)
    {
        last = (result, tokenCount)
        let slow = Self.slow(active)
        slowSince = slowSince.filter { slow[$0.key] != nil }
        for id in slow.keys where slowSince[id] == nil { slowSince[id] = now }
    }

    /// For the progress line: who is slow, who was lost lately.
    package func remarks(_ active: [Member], now: Duration) -> [String] {
        let slow = Self.slow(active)
        return slow.keys.sorted().map { "worker \($0) slow (\(Self.times(slow[$0] ?? 0)))" }
            + lost.filter { now - $0.at < Self.lossIsNews }
            .map { "worker \($0.status.id) lost \(Int((now - $0.at).inSeconds)) s ago" }
    }

    /// All members and the losses.
    ///
    /// - Parameter silentAfter: more silence than this is worth a word.
    package func members(_ members: [Member], silentAfter: Duration, now: Duration) -> [MemberStatus] {
        let slow = Self.slow(members.filter { $0.phase == .active })
        return members.sorted { $0.id < $1.id }.map { member in
            let silence = now - member.lastHeard
            if silence > silentAfter {
                return MemberStatus(member, state: .silent, seconds: silence.inSeconds, remark: "")
            }
            if let factor = slow[member.id] {
                let seconds = (now - (slowSince[member.id] ?? now)).inSeconds
                return MemberStatus(
                    member, state: .slow, seconds: seconds, remark: "\(Self.times(factor)) the others' time")
            }
            let state: MemberStatus.State =
                switch member.phase {
                case .building: .building
                case .ready: .waiting
                case .loading: .loading
                case .active: .active
                }
            return MemberStatus(
                member, state: state, seconds: (now - member.phaseSince).inSeconds, remark: "")
        }
            + lost.map { entry in
                var status = entry.status
                status.seconds = (now - entry.at).inSeconds
                return status
            }
    }

    /// `3.1 times`
    private static func times(_ factor: Double) -> String {
        let tenths = Int(min(factor * 10, 1e6).rounded())
        return "\(tenths / 10).\(tenths % 10) times"
    }
}

extension MemberStatus {
    fileprivate init(_ member: Member, state: State, seconds: Double, remark: String) {
        let rate = member.secondsPerLeaf.map { $0 > 0 ? Double(member.register.threadCount) / $0 : 0 }
        self.init(
            id: member.id, host: member.register.host, processID: member.register.processID,
            threadCount: member.register.threadCount, state: state, seconds: seconds,
            leavesPerSecond: rate ?? 0, remark: remark)
    }
}
