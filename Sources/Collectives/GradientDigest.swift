import Crypto
package import Tensors

/// SHA-256 of a flat vector over its chunks: the digest of the digests, so that chunks are digested as they come.
package struct GradientDigest: Sendable {
    private var chunks: [[UInt8]?]

    /// - Parameter chunkCount: chunks of the vector.
    package init(chunkCount: Int) { chunks = Array(repeating: nil, count: chunkCount) }

    /// Digests chunk `index`.
    package mutating func add(_ elements: Vector, chunk index: Int) {
        var hash = SHA256()
        unsafe elements.withBytes { unsafe hash.update(bufferPointer: $0) }
        chunks[index] = Array(hash.finalize())
    }

    /// The digest of all chunks, 32 bytes; nil while one is missing.
    package func finish() -> [UInt8]? {
        var hash = SHA256()
        for chunk in chunks {
            guard let chunk else { return nil }
            hash.update(data: chunk)
        }
        return Array(hash.finalize())
    }
}
