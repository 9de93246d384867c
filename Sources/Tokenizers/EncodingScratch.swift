import Synchronization

/// What one encoding call needs for itself: match memory, buffers and a cache of words.
final class EncodingScratch: @unchecked Sendable {
    // Safety: the pool's lock hands a scratch to one thread at a time; nobody keeps it after giving it back.
    let memory: MatchMemory
    var merger = WordMerger()
    var cache = WordCache()

    init() throws(TokenizerError) { memory = try MatchMemory() }
}

/// Scratches not in use at the moment, so that calls one after another share a warm cache and calls at the same
/// time share nothing.
final class EncodingScratchPool: Sendable {
    /// More threads than this may encode at once; their scratches are then not kept.
    private static let keptCount = 64

    private let idle = Mutex<[EncodingScratch]>([])

    /// Runs `body` with a scratch no other thread has.
    func withScratch<Result>(
        _ body: (EncodingScratch) throws(TokenizerError) -> Result
    ) throws(TokenizerError) -> Result {
        let scratch: EncodingScratch
        if let pooled = idle.withLock({ $0.popLast() }) {
            scratch = pooled
        } else {
            scratch = try EncodingScratch()
        }
        defer { idle.withLock { if $0.count < Self.keptCount { $0.append(scratch) } } }
        return try body(scratch)
    }
}
