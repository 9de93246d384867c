import Bases
import DurableFiles
import WireProtocol

/// The files of a base that is on this disk, for others.
struct BaseSupply: Sendable {
    let chunks: BaseChunks
    private let paths: [String]

    /// Reads all of the files, to take the digest of each chunk.
    ///
    /// - Throws: `DurableFileError` where one cannot be read; ``ClusterError`` where others would not take it.
    init(paths: [String], baseDigest: String) throws {
        let sizes = try paths.map { path in
            guard let status = FileStatus(path: path) else {
                throw ClusterError(.configuration, "\(path): is gone; workers without the base cannot get it")
            }
            return status.byteCount
        }
        let chunkByteCount = Self.chunkByteCount(ofTotal: sizes.reduce(0, +))
        var files: [BaseManifest.File] = []
        for (path, size) in zip(paths, sizes) {
            let name = Base.fileName(ofPath: path)
            guard Base.isFileName(name), !files.contains(where: { $0.name == name }) else {
                throw ClusterError(
                    .configuration,
                    "\(path): workers do not take a file of this name; give them the base and --base PATH")
            }
            var digests: [UInt8] = []
            for offset in stride(from: 0, to: size, by: chunkByteCount) {
                let bytes = try FilePieces.read(
                    path, offset: offset, count: min(chunkByteCount, size - offset))
                digests += Digest.sha256(bytes).bytes
            }
            files.append(BaseManifest.File(name: name, byteCount: UInt64(size), chunkDigests: digests))
        }
        self.paths = paths
        chunks = BaseChunks(
            BaseManifest(baseDigest: baseDigest, chunkByteCount: UInt32(chunkByteCount), files: files))
    }

    /// A quarter of a megabyte, and larger where that would be more than some thousand chunks.
    static func chunkByteCount(ofTotal byteCount: Int) -> Int {
        var size = 256 << 10
        while size < MessageLimits.chunkByteCount, byteCount / size > 8192 { size *= 2 }
        return size
    }

    func read(_ chunk: Int) throws -> [UInt8] {
        let place = chunks.place(of: chunk)
        return try FilePieces.read(paths[place.file], offset: place.offset, count: place.byteCount)
    }
}
