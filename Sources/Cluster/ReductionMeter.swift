import Coordination
import Telemetry
import WireProtocol

/// Times and bytes of one step at one process.
struct ReductionMeter {
    private let clock = ContinuousClock()
    private var computeBegan: ContinuousClock.Instant?
    private var computeEnded: ContinuousClock.Instant?
    private var exchangeBegan: ContinuousClock.Instant?
    private var bytesSent: UInt64 = 0
    private var bytesReceived: UInt64 = 0
    private var reported: WorkTicket?

    mutating func beganComputing() { computeBegan = computeBegan ?? clock.now }

    /// No micro-batch is under way or waiting any more.
    mutating func endedComputing() { computeEnded = clock.now }

    mutating func sent(byteCount: Int) {
        bytesSent += UInt64(byteCount)
        exchangeBegan = exchangeBegan ?? clock.now
    }

    mutating func received(byteCount: Int) {
        bytesReceived += UInt64(byteCount)
        exchangeBegan = exchangeBegan ?? clock.now
    }

    /// Whether this is the first report for `ticket`.
    mutating func reports(_ ticket: WorkTicket) -> Bool {
        guard reported != ticket else { return false }
        reported = ticket
        return true
    }

    /// The report of a gradient that is whole now.
    func prepared(gradientDigest: [UInt8]) -> Prepared {
        let now = clock.now
        let ended = computeEnded ?? now
        return Prepared(
            gradientDigest: gradientDigest,
            computeSeconds: computeBegan.map { ($0.duration(to: ended)).inSeconds } ?? 0,
            reduceSeconds: exchangeBegan.map { ($0.duration(to: now)).inSeconds } ?? 0,
            exposedReduceSeconds: exchangeBegan.map { (max($0, ended).duration(to: now)).inSeconds } ?? 0,
            bytesSent: bytesSent, bytesReceived: bytesReceived,
            peakResidentBytes: ProcessUsage.current().peakResidentBytes)
    }
}

extension Duration {
    /// In seconds.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
