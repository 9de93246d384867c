import Charts
public import WireProtocol

/// A status report as programs read it: what `shoal status --json` prints and `/api/run` holds.
public struct StatusJSON: Encodable, Sendable {
    private let phase: String
    private let step: UInt64
    private let totalSteps: UInt64
    private let generation: UInt64
    private let loss: Double
    private let tokensPerSecond: Double
    private let stepSeconds: Double
    private let wireBytesSent: UInt64
    private let wireBytesReceived: UInt64
    private let workers: [Worker]

    private struct Worker: Encodable, Sendable {
        let id: UInt32
        let host: String
        let process: UInt32
        let threads: UInt32
        let state: String
        let seconds: Double
        let microBatchesPerSecond: Double
        let remark: String
        /// Of one that fetches the base.
        let fetchedBytes: UInt64?
        let baseBytes: UInt64?
    }

    public init(_ report: StatusReport) {
        phase = report.phase
        step = report.step
        totalSteps = report.totalSteps
        generation = report.generation
        loss = report.loss
        tokensPerSecond = report.tokensPerSecond
        stepSeconds = report.stepSeconds
        wireBytesSent = report.bytesSent
        wireBytesReceived = report.bytesReceived
        workers = report.members.map {
            let isFetching = $0.state == .fetching
            return Worker(
                id: $0.id, host: $0.host, process: $0.processID, threads: $0.threadCount,
                state: $0.state.word,
                seconds: $0.seconds, microBatchesPerSecond: $0.leavesPerSecond, remark: $0.remark,
                fetchedBytes: isFetching ? $0.fetchedByteCount : nil,
                baseBytes: isFetching ? $0.baseByteCount : nil)
        }
    }
}

extension MemberStatus.State {
    /// For tables and JSON.
    public var word: String {
        switch self {
        case .building: "building"
        case .waiting: "waiting"
        case .loading: "loading"
        case .active: "active"
        case .slow: "slow"
        case .silent: "silent"
        case .lost: "lost"
        case .fetching: "fetching"
        }
    }
}

extension MemberStatus {
    /// How much of the base is here, between 0 and 1; nil for one that does not fetch it.
    public var fetchedShare: Double? {
        state == .fetching ? Double(fetchedByteCount) / Double(max(baseByteCount, 1)) : nil
    }

    /// For tables: the remark, or how much of the base is here.
    public var words: String {
        guard let fetchedShare else { return remark }
        return "base: \(Figures.percent(fetchedShare)) of \(Figures.bytes(Double(baseByteCount)))"
    }
}
