/// How much of a base is under way at once, and how long nothing may come.
struct BasePace: Sendable {
    /// Chunks on their way from one to another at a time.
    let window: Int
    /// Longest time without a chunk that was asked for: five seconds, and a window at a megabyte a second.
    let patience: Duration

    init(chunkByteCount: Int) {
        window = max(2, min(8, (4 << 20) / max(chunkByteCount, 1)))
        patience = .seconds(5 + Double(window * chunkByteCount) / 1e6)
    }
}
