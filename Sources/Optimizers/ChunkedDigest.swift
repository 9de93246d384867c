public import DurableFiles
public import Tensors

/// SHA-256 of flat vectors by way of the digests of their chunks, so that threads can share the work.
///
/// Each vector is cut into chunks of ``chunkElementCount`` elements (the last one of a vector may be shorter);
/// a chunk's digest is the SHA-256 of its little-endian Float32 bytes. The digest of one or several vectors is the
/// SHA-256 of all chunks' 32-byte digests, vector after vector, in ascending order. It says nothing of the bounds
/// between vectors: their counts are known to whoever compares.
public enum ChunkedDigest {
    /// Elements of a chunk: 1 MiB.
    public static let chunkElementCount = 262_144

    /// Chunks of a vector of `count` elements.
    public static func chunkCount(of count: Int) -> Int {
        (count + chunkElementCount - 1) / chunkElementCount
    }

    /// The digests of chunks `chunks` of `vector`.
    ///
    /// - Thread: caller's.
    public static func chunkDigests(of vector: Vector, chunks: Range<Int>) -> [Digest] {
        precondition(
            chunks.lowerBound >= 0 && chunks.upperBound <= chunkCount(of: vector.count),
            "chunks \(chunks) of a vector of \(vector.count) elements")
        return chunks.map { chunk in
            let start = chunk * chunkElementCount
            let end = min(vector.count, start + chunkElementCount)
            return unsafe vector[start..<end].withBytes { bytes in
                unsafe Digest.sha256(RawSpan(_unsafeBytes: bytes))
            }
        }
    }

    /// The digests of chunks `chunks` of `vectors`, counted on from one vector to the next.
    ///
    /// - Thread: caller's.
    public static func chunkDigests(of vectors: [Vector], chunks: Range<Int>) -> [Digest] {
        var first = 0
        return vectors.flatMap { vector in
            let own = first..<first + chunkCount(of: vector.count)
            first = own.upperBound
            let wanted = chunks.clamped(to: own)
            return chunkDigests(
                of: vector, chunks: wanted.lowerBound - own.lowerBound..<wanted.upperBound - own.lowerBound)
        }
    }

    /// The digest that belongs to `chunkDigests`, which must be complete and in order.
    public static func combine(_ chunkDigests: [Digest]) -> Digest {
        var stream = DigestStream()
        for digest in chunkDigests { stream.update(digest) }
        return stream.finish()
    }

    /// The digest of `vectors`, one after the other.
    public static func digest(of vectors: [Vector]) -> Digest {
        combine(vectors.flatMap { chunkDigests(of: $0, chunks: 0..<chunkCount(of: $0.count)) })
    }
}
