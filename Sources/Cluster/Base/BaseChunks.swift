import DurableFiles
import WireProtocol

/// Where the chunks of a manifest lie in its files.
struct BaseChunks: Sendable {
    /// A piece of a file.
    struct Place: Sendable, Equatable {
        /// Index in ``BaseManifest/files``.
        var file: Int
        var offset: Int
        var byteCount: Int
    }

    let manifest: BaseManifest
    let chunkCount: Int
    /// Bytes of all files.
    let byteCount: Int
    /// Names the manifest: SHA-256 over names, lengths and digests.
    let digest: Digest
    /// The first chunk of each file, and behind the last.
    private let firstChunks: [Int]

    /// - Precondition: the manifest keeps the protocol's rules, as each that was received does.
    init(_ manifest: BaseManifest) {
        self.manifest = manifest
        var stream = DigestStream()
        stream.update("shoal base 1 \(manifest.chunkByteCount)\n")
        var firstChunks = [0]
        var byteCount = 0
        for file in manifest.files {
            stream.update("\(file.name.utf8.count) \(file.name) \(file.byteCount)\n")
            stream.update(file.chunkDigests)
            firstChunks.append(
                firstChunks[firstChunks.count - 1] + file.chunkDigests.count / Digest.byteCount)
            byteCount += Int(file.byteCount)
        }
        digest = stream.finish()
        self.firstChunks = firstChunks
        self.byteCount = byteCount
        chunkCount = firstChunks[firstChunks.count - 1]
    }

    func place(of chunk: Int) -> Place {
        let file = fileIndex(of: chunk)
        let size = Int(manifest.chunkByteCount)
        let offset = (chunk - firstChunks[file]) * size
        return Place(
            file: file, offset: offset, byteCount: min(size, Int(manifest.files[file].byteCount) - offset))
    }

    /// Whether `bytes` are those of the chunk.
    func matches(_ bytes: [UInt8], chunk: Int) -> Bool {
        let place = place(of: chunk)
        guard bytes.count == place.byteCount else { return false }
        let first = (chunk - firstChunks[place.file]) * Digest.byteCount
        let expected = manifest.files[place.file].chunkDigests[first..<first + Digest.byteCount]
        return Digest.sha256(bytes).bytes.elementsEqual(expected)
    }

    /// The last file that begins at or before the chunk.
    private func fileIndex(of chunk: Int) -> Int {
        var low = 0
        var high = manifest.files.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if firstChunks[middle] <= chunk { low = middle } else { high = middle }
        }
        return low
    }
}
