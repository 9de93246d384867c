public import Telemetry

/// What the steps of a run cost: medians over the steps after the first few, which also wait for pages and caches.
public struct StepFigures: Sendable, Equatable, Codable {
    /// Steps they are taken from.
    public var measuredSteps: Int
    /// Workers that took part.
    public var workers: Int
    /// Tokens a second of all workers together.
    public var tokensPerSecond: Double
    /// Wall time of a step.
    public var stepSeconds: Double
    /// The part of it that the slowest worker computed.
    public var computeSeconds: Double
    /// The part in which workers waited for the exchange of gradients alone.
    public var exposedSeconds: Double
    /// The rest: optimizer, digests, ledger, messages.
    public var otherSeconds: Double
    /// Bytes that a worker sends in a step.
    public var bytesSentPerWorker: Double
    /// Bytes that a worker receives in a step.
    public var bytesReceivedPerWorker: Double
    /// Micro-batches of a step.
    public var microBatches: Int
    /// Peak resident memory of the largest worker.
    public var peakMemoryBytes: UInt64

    /// - Parameters:
    ///   - records: a run's metrics, by step.
    ///   - microBatches: of a step, as the ledger has them.
    /// - Returns: nil where there is no step to measure.
    public init?(_ records: [StepRecord], microBatches: [Int]) {
        let measured = records.dropFirst(Self.warmUpSteps(of: records.count))
        guard !measured.isEmpty else { return nil }
        func median(_ value: (StepRecord) -> Double) -> Double { Median.of(measured.map(value)) }
        measuredSteps = measured.count
        workers = measured.map(\.workerCount).max() ?? 0
        tokensPerSecond = median(\.tokensPerSecond)
        stepSeconds = median(\.stepSeconds)
        computeSeconds = median(\.computeSeconds)
        exposedSeconds = median(\.exposedReduceSeconds)
        otherSeconds = median { max(0, $0.stepSeconds - $0.computeSeconds - $0.exposedReduceSeconds) }
        bytesSentPerWorker = median { Double($0.wireBytesSent) / Double(max(1, $0.workerCount)) }
        bytesReceivedPerWorker = median { Double($0.wireBytesReceived) / Double(max(1, $0.workerCount)) }
        self.microBatches = Int(Median.of(microBatches.map(Double.init)))
        peakMemoryBytes = records.map(\.peakResidentBytes).max() ?? 0
    }

    /// Steps that do not count, of so many.
    static func warmUpSteps(of count: Int) -> Int { min(2, count / 3) }
}
