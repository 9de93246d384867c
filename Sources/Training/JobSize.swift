/// How many micro-batches a compute thread takes at once. Small ones go through the layers together, because products of
/// few rows are slow, in equal jobs, because the last one keeps the others waiting.
public struct JobSize: Sendable, Equatable {
    /// Rows with which products come near their full speed; more would only cost memory.
    public static let wantedTokens = 256
    /// The most that several micro-batches have together.
    public static let mostTokens = limit(wanted: wantedTokens)

    /// Tokens that a job should have.
    let tokens: Int
    /// Tokens that several micro-batches of a job may have at most.
    let most: Int

    /// Each micro-batch by itself.
    public init() { (tokens, most) = (0, 0) }

    /// - Parameters:
    ///   - tokenCount: tokens of all micro-batches.
    ///   - threadCount: how many threads share them.
    ///   - wanted: how many a job should have, about; 0 for each micro-batch by itself.
    public init(tokenCount: Int, threadCount: Int, wanted: Int) {
        guard wanted > 0 else {
            (tokens, most) = (0, 0)
            return
        }
        let share = tokenCount / max(threadCount, 1)
        // A quarter more than wanted, rather than twice as many jobs of half the size.
        let longest = wanted + wanted / 4
        tokens = share / max((share + longest - 1) / longest, 1)
        most = Self.limit(wanted: wanted)
    }

    /// Whether a job of `tokenCount` tokens should take a micro-batch of `next` more: when that leaves it nearer to what it
    /// should have.
    public func admits(_ next: Int, behind tokenCount: Int) -> Bool {
        tokenCount + next / 2 <= tokens && tokenCount + next <= most
    }

    private static func limit(wanted: Int) -> Int { wanted + wanted / 2 }
}
