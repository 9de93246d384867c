import DurableFiles
public import Foundation

/// The cache directory of this host: expanded bases, and digests of files that have not changed.
///
/// Everything in it can be made again, so it may be pruned at any time; a file in use stays readable for those who
/// have it mapped.
public struct CacheStore: Sendable, Equatable {
    /// The directory.
    public let root: String

    public init(root: String) { self.root = root }

    /// `$SHOAL_CACHE`, else `$XDG_CACHE_HOME/shoal`, else `~/.cache/shoal`.
    public static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> CacheStore {
        func value(_ key: String) -> String? { environment[key].flatMap { $0.isEmpty ? nil : $0 } }
        if let path = value("SHOAL_CACHE") { return CacheStore(root: path) }
        if let path = value("XDG_CACHE_HOME") { return CacheStore(root: path + "/shoal") }
        return CacheStore(root: (value("HOME") ?? "/tmp") + "/.cache/shoal")
    }

    var basesDirectory: String { root + "/bases" }
    var digestsDirectory: String { root + "/digests" }

    /// An expanded base in the cache.
    public struct Entry: Sendable, Equatable {
        /// The file.
        public let path: String
        /// Length of the file in bytes.
        public let byteCount: Int
        /// When a process last opened it.
        public let lastUsed: Date
        /// What it was expanded from: the path at that time.
        public let source: String
    }

    /// The expanded bases, the longest unused first.
    ///
    /// - Throws: nothing for an absent cache: it is empty.
    public func list() throws -> [Entry] {
        let files = FileManager.default
        guard files.fileExists(atPath: basesDirectory) else { return [] }
        var entries: [Entry] = []
        for name in try files.contentsOfDirectory(atPath: basesDirectory).sorted()
        where name.hasSuffix(ExpandedBase.suffix) {
            let path = basesDirectory + "/" + name
            // Another process may prune at the same time.
            guard let attributes = try? files.attributesOfItem(atPath: path) else { continue }
            let lock = try? files.attributesOfItem(atPath: path + ".lock")
            entries.append(
                Entry(
                    path: path, byteCount: (attributes[.size] as? NSNumber)?.intValue ?? 0,
                    lastUsed: (lock?[.modificationDate] ?? attributes[.modificationDate]) as? Date
                        ?? .distantPast,
                    source: ExpandedBase.source(of: path) ?? "unknown"))
        }
        return entries.sorted { ($0.lastUsed, $0.path) < ($1.lastUsed, $1.path) }
    }

    /// Removes expanded bases, the longest unused first.
    ///
    /// - Parameters:
    ///   - unusedSince: entries used after that are kept.
    ///   - keepingByteCount: stops once what remains is at most this large; nil removes all that are old enough.
    ///   - dryRun: only says what would go.
    /// - Returns: what was removed.
    public func prune(
        unusedSince: Date = .distantFuture, keepingByteCount: Int? = nil, dryRun: Bool = false
    ) throws -> [Entry] {
        let entries = try list()
        var remaining = entries.reduce(0) { $0 + $1.byteCount }
        var removed: [Entry] = []
        for entry in entries where entry.lastUsed <= unusedSince {
            if let keepingByteCount, remaining <= keepingByteCount { break }
            if !dryRun {
                // Nobody is writing it: the writer holds this lock.
                guard let lock = try? FileLock(path: entry.path + ".lock") else { continue }
                try AtomicDirectory.remove(entry.path)
                lock.release()
            }
            remaining -= entry.byteCount
            removed.append(entry)
        }
        return removed
    }
}
