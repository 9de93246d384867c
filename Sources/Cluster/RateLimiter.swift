/// Lets a number of things happen at once and then so many a second, so that what a peer can cause does not fill a disk.
struct RateLimiter {
    /// What is let through at once, and how much of that comes back in a second.
    private let burst: Double
    private let perSecond: Double
    private var tokens: Double
    private var last: ContinuousClock.Instant?
    /// What was not let through so far.
    private(set) var refusedCount: UInt64 = 0

    /// For lines of the log about what a peer sent: twenty, then one in ten seconds.
    static var ofLogLines: RateLimiter { RateLimiter(burst: 20, perSecond: 0.1) }

    init(burst: Double, perSecond: Double) {
        self.burst = burst
        self.perSecond = perSecond
        tokens = burst
    }

    /// Whether one more may happen at `now`.
    mutating func admits(at now: ContinuousClock.Instant = .now) -> Bool {
        if let last { tokens = min(burst, tokens + last.duration(to: now).inSeconds * perSecond) }
        last = now
        guard tokens >= 1 else {
            refusedCount += 1
            return false
        }
        tokens -= 1
        return true
    }
}
