package import Bases
package import Coordination
import DurableFiles
package import WireProtocol

/// A base in the cache that came from other hosts, or is about to: files of fixed names in a folder named by the manifest. Or
/// one that is on this disk anyway.
///
/// Until it is whole the folder has another name. What a fetch that was cut has left there is compared with the digests
/// and kept, so nothing has to be written down about how far it came.
package struct FetchedBase: Sendable {
    let chunks: BaseChunks
    /// The folder, once it is whole.
    package let path: String
    private var isWhole: Bool
    /// Held while it is not whole.
    private var lock: FileLock?
    /// Where the files are, if not in the folder under their names.
    private var paths: [String]?

    private var partialPath: String { path + CacheStore.partialSuffix }
    private static let patience = Duration.seconds(3600)

    /// Opens what the cache has of a manifest, and makes room for the rest.
    ///
    /// - Parameter log: told when another process of this host is fetching it; this one waits then.
    /// - Throws: ``ClusterError`` with code `.badState` for names that are none of a base's files; `DurableFileError`
    ///   with code `.noSpace` before anything is written.
    package init(_ manifest: BaseManifest, cache: CacheStore, log: (String) -> Void) throws {
        var names: Set<String> = []
        for file in manifest.files {
            guard Base.isFileName(file.name), names.insert(file.name).inserted else {
                throw ClusterError(
                    .badState,
                    "the coordinator's base has a file '\(file.name.prefix(80))', which is none of a base's names or "
                        + "comes twice; give this worker the base and --base PATH")
            }
        }
        chunks = BaseChunks(manifest)
        path = cache.fetchedDirectory + "/" + chunks.digest.hex
        isWhole = FileStatus(path: path)?.isDirectory == true
        if isWhole {
            CacheStore.markUsed(path)
            return
        }
        try AtomicDirectory.createDirectory(cache.fetchedDirectory)
        let lock = try FileLock(path: path + ".lock", waitingUpTo: Self.patience) { holder in
            log("waiting for \(holder), which fetches the base")
        }
        // Whoever had the lock may have fetched it.
        isWhole = FileStatus(path: path)?.isDirectory == true
        guard !isWhole else {
            lock.release()
            return
        }
        self.lock = lock
        if FileStatus(path: partialPath) == nil {
            try FreeSpace.require(chunks.byteCount, at: cache.fetchedDirectory, for: "the base")
        }
        try AtomicDirectory.createDirectory(partialPath)
        for file in manifest.files {
            try FilePieces.create(partialPath + "/" + file.name, byteCount: Int(file.byteCount))
        }
    }

    /// A base that is here anyway.
    ///
    /// - Parameter files: as `Base.sourceFiles` has them.
    /// - Returns: nil unless they are those of the manifest, byte for byte.
    package init?(_ manifest: BaseManifest, files: [String]) {
        chunks = BaseChunks(manifest)
        path = ""
        isWhole = true
        // One that is a single file may have any name.
        let isSingle = manifest.files.count == 1 && files.count == 1
        var paths: [String] = []
        for file in manifest.files {
            let here = isSingle ? files.first : files.first { Base.fileName(ofPath: $0) == file.name }
            guard let here, FileStatus(path: here)?.byteCount == Int(file.byteCount) else { return nil }
            paths.append(here)
        }
        self.paths = paths
        for chunk in 0..<chunks.chunkCount {
            guard let bytes = try? read(chunk), chunks.matches(bytes, chunk: chunk) else { return nil }
        }
    }

    /// The chunks that are here, each compared with its digest unless the base is whole.
    package func held() throws -> ChunkSet {
        var held = ChunkSet(chunkCount: chunks.chunkCount, isFull: isWhole)
        guard !isWhole else { return held }
        for chunk in 0..<chunks.chunkCount where chunks.matches(try read(chunk), chunk: chunk) {
            held.insert(chunk)
        }
        return held
    }

    func read(_ chunk: Int) throws -> [UInt8] {
        let place = chunks.place(of: chunk)
        return try FilePieces.read(filePath(place), offset: place.offset, count: place.byteCount)
    }

    /// - Precondition: the bytes are those of the chunk.
    package func write(_ bytes: [UInt8], chunk: Int) throws {
        let place = chunks.place(of: chunk)
        try FilePieces.write(bytes, to: filePath(place), offset: place.offset)
    }

    /// All chunks are here: makes them durable and gives the folder its name.
    package mutating func publish() throws {
        guard !isWhole else { return }
        try AtomicDirectory.publish(partialPath, as: path)
        isWhole = true
        lock?.release()
        lock = nil
    }

    /// Takes the name from a base that turned out to be damaged, so that the next fetch compares and mends it.
    package func disown() throws {
        try AtomicDirectory.remove(partialPath)
        try AtomicDirectory.publish(path, as: partialPath)
    }

    private func filePath(_ place: BaseChunks.Place) -> String {
        if let paths { return paths[place.file] }
        return (isWhole ? path : partialPath) + "/" + chunks.manifest.files[place.file].name
    }
}
