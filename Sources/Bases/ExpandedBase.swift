import DurableFiles
import Foundation
import Logging
import Tensors
import WeightFiles

/// A base that is not Float32 on disk, expanded once per host into one Float32 safetensors file of the cache.
struct ExpandedBase {
    /// Part of the file's name: raised when the expansion itself changes.
    static let suffix = "-1.safetensors"

    let file: SafetensorsFile
    /// ``BaseDigest/weights(_:)`` of its tensors.
    let weightsDigest: Digest

    /// Longest wait for another process that is expanding the same base.
    private static let patience = Duration.seconds(3600)

    private enum Key {
        static let source = "shoal.source"
        static let sourceDigest = "shoal.source_digest"
        static let weightsDigest = "shoal.weights_digest"
    }

    /// Opens the expansion of `tensors`, making it first when the cache has none.
    ///
    /// - Parameters:
    ///   - sourceDigest: of the files the tensors come from; names the expansion.
    ///   - source: the path of the base, for messages and listings.
    /// - Throws: `DurableFileError` with code `.noSpace` before anything is written, `.locked` after an hour of
    ///   waiting, or what reading and writing throw.
    init(
        of tensors: [SourceTensor], sourceDigest: Digest, source: String, cache: CacheStore, logger: Logger
    ) throws {
        let path = cache.basesDirectory + "/" + sourceDigest.hex + ExpandedBase.suffix
        if let ready = try? ExpandedBase(path: path, sourceDigest: sourceDigest) {
            CacheStore.markUsed(path)
            self = ready
            return
        }
        try AtomicDirectory.createDirectory(cache.basesDirectory)
        let lock = try FileLock(path: path + ".lock", waitingUpTo: ExpandedBase.patience) { holder in
            logger.notice("Waiting for another process to expand the base", metadata: ["holder": "\(holder)"])
        }
        defer { lock.release() }
        // Whoever had the lock may have made it.
        if let ready = try? ExpandedBase(path: path, sourceDigest: sourceDigest) {
            self = ready
            return
        }
        try ExpandedBase.removeStalePartials(of: path)
        try ExpandedBase.write(
            tensors, to: path, sourceDigest: sourceDigest, source: source, cache: cache, logger: logger)
        self = try ExpandedBase(path: path, sourceDigest: sourceDigest)
    }

    private init(path: String, sourceDigest: Digest) throws {
        file = try SafetensorsFile(path: path)
        guard file.metadata[Key.sourceDigest] == sourceDigest.hex,
            let weightsDigest = file.metadata[Key.weightsDigest].flatMap(Digest.init(hex:))
        else {
            throw BaseError(.invalid, path, "not an expansion of \(sourceDigest.hex); remove it")
        }
        self.weightsDigest = weightsDigest
    }

    /// What an expansion was made from, if the file is one.
    static func source(of path: String) -> String? {
        (try? SafetensorsFile(path: path))?.metadata[Key.source]
    }

    /// What killed writers left behind. Called with the lock, so nobody is writing now.
    private static func removeStalePartials(of path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let name = URL(fileURLWithPath: path).lastPathComponent
        for other in try FileManager.default.contentsOfDirectory(atPath: directory)
        where other.hasPrefix(name + ".") && other.hasSuffix(".tmp") {
            try AtomicDirectory.remove(directory + "/" + other)
        }
    }

    private static func write(
        _ tensors: [SourceTensor], to path: String, sourceDigest: Digest, source: String, cache: CacheStore,
        logger: Logger
    ) throws {
        let entries = tensors.map { SafetensorsLayout.Entry(name: $0.name, shape: $0.shape) }
        // The header holds a digest of the values, so they are read twice: cheaper than patching a file in place,
        // and the layout stays what every other writer makes.
        var metadata = [
            "format": "pt", Key.source: source, Key.sourceDigest: sourceDigest.hex,
            Key.weightsDigest: String(repeating: "0", count: 2 * Digest.byteCount),
        ]
        let byteCount = try SafetensorsLayout(entries, metadata: metadata).byteCount
        try FreeSpace.require(byteCount, at: cache.basesDirectory, for: "the Float32 expansion of \(source)")
        logger.notice(
            "Expanding the base to Float32, once per host",
            metadata: ["base": "\(source)", "bytes": "\(byteCount)", "file": "\(path)"])
        metadata[Key.weightsDigest] = try BaseDigest.weights(of: tensors).hex
        let byName = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        try SafetensorsWriter.write(SafetensorsLayout(entries, metadata: metadata), to: path) {
            entry, writer in
            try byName[entry.name]?.forEachPiece { piece in
                try piece.withByteSpan { (bytes) throws(DurableFileError) in try writer.write(bytes) }
            }
        }
        // A source that was cut while it was read gave zeros.
        do {
            for tensor in tensors { try tensor.file.checkIntact() }
        } catch {
            try AtomicDirectory.remove(path)
            throw error
        }
    }
}
