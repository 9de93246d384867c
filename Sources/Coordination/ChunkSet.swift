/// Which chunks of a base somebody has.
public struct ChunkSet: Sendable, Equatable {
    /// Chunks of the whole base.
    public let chunkCount: Int
    /// Chunks in the set.
    public private(set) var count = 0
    /// 64 chunks each, the first in the lowest bit.
    private var words: [UInt64]

    /// - Parameter isFull: whether all are in it.
    public init(chunkCount: Int, isFull: Bool = false) {
        self.chunkCount = chunkCount
        words = [UInt64](repeating: 0, count: (chunkCount + 63) / 64)
        if isFull { for chunk in 0..<chunkCount { insert(chunk) } }
    }

    /// Takes the bits of a ``BaseProgress``; nil where they are not those of so many chunks.
    public init?(chunkCount: Int, bytes: [UInt8]) {
        guard bytes.count == (chunkCount + 7) / 8 else { return nil }
        if chunkCount % 8 != 0, let last = bytes.last, last >> UInt8(chunkCount % 8) != 0 { return nil }
        self.init(chunkCount: chunkCount)
        for (index, byte) in bytes.enumerated() {
            words[index >> 3] |= UInt64(byte) << UInt64(8 * (index & 7))
            count += byte.nonzeroBitCount
        }
    }

    /// A bit a chunk, the first in the lowest bit of the first byte.
    public var bytes: [UInt8] {
        (0..<(chunkCount + 7) / 8).map { UInt8(truncatingIfNeeded: words[$0 >> 3] >> UInt64(8 * ($0 & 7))) }
    }

    public var isFull: Bool { count == chunkCount }

    public func contains(_ chunk: Int) -> Bool {
        chunk < chunkCount && words[chunk >> 6] & 1 << UInt64(chunk & 63) != 0
    }

    public mutating func insert(_ chunk: Int) {
        guard chunk < chunkCount, !contains(chunk) else { return }
        words[chunk >> 6] |= 1 << UInt64(chunk & 63)
        count += 1
    }

    public mutating func remove(_ chunk: Int) {
        guard contains(chunk) else { return }
        words[chunk >> 6] &= ~(1 << UInt64(chunk & 63))
        count -= 1
    }

    /// - Precondition: both are of one base.
    public mutating func formUnion(_ other: ChunkSet) {
        count = 0
        for index in words.indices {
            words[index] |= other.words[index]
            count += words[index].nonzeroBitCount
        }
    }

    /// The chunks that are in here and in none of `others`, ascending, for as long as `body` returns true.
    ///
    /// - Precondition: all are of one base.
    func forEach(except others: [ChunkSet], _ body: (Int) -> Bool) {
        for index in words.indices {
            var left = words[index]
            for other in others { left &= ~other.words[index] }
            while left != 0 {
                guard body(index << 6 + left.trailingZeroBitCount) else { return }
                left &= left - 1
            }
        }
    }
}
