/// How the flat gradient is cut into chunks: the unit of sending, folding and digesting.
///
/// A function of the number of trainable elements alone, so that the digest of a gradient is the same on any
/// cluster.
public struct ChunkLayout: Sendable, Equatable {
    /// Elements of the largest chunk: one MiB of Float32.
    public static let maximumElementCount = 1 << 18
    /// Elements of the smallest chunk (but for the last), below which headers would cost more than they spread.
    public static let minimumElementCount = 1 << 12

    /// Elements of the flat gradient.
    public let parameterCount: Int
    /// Elements of every chunk but the last, which may be shorter.
    public let chunkElementCount: Int

    /// About 64 chunks, so that several owners share them evenly, within the limits above.
    ///
    /// - Precondition: `parameterCount` is positive.
    public init(parameterCount: Int) {
        let share = (parameterCount + 63) / 64
        let whole = (share + 1023) / 1024 * 1024
        self.init(
            parameterCount: parameterCount,
            chunkElementCount: min(max(whole, Self.minimumElementCount), Self.maximumElementCount))
    }

    /// - Precondition: both counts are positive.
    public init(parameterCount: Int, chunkElementCount: Int) {
        precondition(
            parameterCount > 0 && chunkElementCount > 0,
            "\(parameterCount) elements in chunks of \(chunkElementCount)")
        self.parameterCount = parameterCount
        self.chunkElementCount = chunkElementCount
    }

    /// Number of chunks.
    public var count: Int { (parameterCount - 1) / chunkElementCount + 1 }

    /// The elements of chunk `index` in the flat vector.
    public func range(_ index: Int) -> Range<Int> {
        precondition(index >= 0 && index < count, "chunk \(index) of \(count)")
        return index * chunkElementCount..<min((index + 1) * chunkElementCount, parameterCount)
    }
}
