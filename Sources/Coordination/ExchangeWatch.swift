/// A participant whose chunks are still to come.
public struct AwaitedChunks: Sendable, Equatable {
    public var peer: UInt32
    /// Whether partial sums are missing; else only chunks that the peer finishes.
    public var owesPartials: Bool
    /// Chunks that have come from it in this generation.
    public var receivedCount: Int

    public init(peer: UInt32, owesPartials: Bool, receivedCount: Int) {
        self.peer = peer
        self.owesPartials = owesPartials
        self.receivedCount = receivedCount
    }
}

/// Finds those from whom no chunk comes any more, by looking now and then.
package struct ExchangeWatch: Sendable {
    private var seen: [UInt32: (count: Int, since: Duration)] = [:]

    package init() {}

    /// - Returns: those of `awaited` from whom nothing came for `limit`.
    package mutating func stalled(
        _ awaited: [AwaitedChunks], now: Duration, limit: Duration
    ) -> [AwaitedChunks] {
        var next: [UInt32: (count: Int, since: Duration)] = [:]
        for entry in awaited {
            if let known = seen[entry.peer], known.count == entry.receivedCount {
                next[entry.peer] = known
            } else {
                next[entry.peer] = (entry.receivedCount, now)
            }
        }
        seen = next
        return awaited.filter { now - (next[$0.peer]?.since ?? now) >= limit }
    }
}
