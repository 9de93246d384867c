public import Tensors

/// Scratch memory of one thread, handed out like a stack: what is taken after a mark is given back by ``release(to:)``.
///
/// Memory comes in chunks that stay; after a ``reset()`` everything fits in one chunk as large as the largest use so
/// far, so once the largest micro-batch has been seen nothing is allocated any more. Contents are undefined.
///
/// - Thread: one; not Sendable.
public final class Arena {
    /// A place in the arena to return to.
    public struct Mark {
        fileprivate var chunk: Int
        fileprivate var used: Int
        fileprivate var total: Int
    }

    private var chunks: [FloatStorage] = []
    private var top = Mark(chunk: 0, used: 0, total: 0)
    /// The most elements in use at any time since the arena was made.
    public private(set) var peakCount = 0

    public init() {}

    /// Elements of the smallest chunk.
    public static let minimumChunk = 1 << 20

    /// Elements that a vector of `count` takes up.
    public static func occupied(_ count: Int) -> Int { (count + 15) & ~15 }

    /// Where the arena stands now.
    public var mark: Mark { top }

    /// Gives back everything taken since `mark` was read; views of it must not be used any more.
    public func release(to mark: Mark) { top = mark }

    /// Gives back everything and, where it came in several chunks, joins them into one of the peak's size.
    public func reset() {
        top = Mark(chunk: 0, used: 0, total: 0)
        if chunks.count > 1 {
            chunks.removeAll()
            chunks.append(FloatStorage(count: peakCount))
        }
    }

    /// Elements allocated, whether in use or not.
    public var capacity: Int { chunks.reduce(0) { $0 + $1.count } }

    /// A vector of `count` undefined elements, aligned to 64 bytes.
    public func vector(_ count: Int) -> Vector {
        let needed = Self.occupied(count)
        while top.chunk < chunks.count, top.used + needed > chunks[top.chunk].count {
            top.chunk += 1
            top.used = 0
        }
        if top.chunk == chunks.count { chunks.append(FloatStorage(count: max(needed, Self.minimumChunk))) }
        defer {
            top.used += needed
            top.total += needed
            peakCount = max(peakCount, top.total)
        }
        return Vector(chunks[top.chunk], offset: top.used, count: count)
    }

    /// A matrix of undefined elements, its rows without gaps.
    public func matrix(rows: Int, columns: Int) -> Matrix {
        vector(rows * columns).matrix(rows: rows, columns: columns)
    }
}
