import DurableFiles
public import Foundation

/// The cache directory of this host: expanded bases, bases fetched from other hosts, and digests of files that have not changed.
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
    /// Bases that came from the coordinator and other workers, a folder each, with a lock file beside it.
    public var fetchedDirectory: String { root + "/fetched" }
    /// Behind the name of one that is not whole.
    public static let partialSuffix = ".partial"

    /// Notes that a process opened an entry: the time of its lock file, which nobody else writes.
    public static func markUsed(_ path: String) {
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path + ".lock")
    }

    /// A base in the cache.
    public struct Entry: Sendable, Equatable {
        /// The file or folder.
        public let path: String
        /// Length of the files in bytes.
        public let byteCount: Int
        /// When a process last opened it.
        public let lastUsed: Date
        /// What it was expanded from: the path at that time; or that it was fetched.
        public let source: String
        let lockPath: String
    }

    /// The expanded and the fetched bases, the longest unused first.
    ///
    /// - Throws: nothing for an absent cache: it is empty.
    public func list() throws -> [Entry] {
        (try expanded() + fetched()).sorted { ($0.lastUsed, $0.path) < ($1.lastUsed, $1.path) }
    }

    private func expanded() throws -> [Entry] {
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
                    source: ExpandedBase.source(of: path) ?? "unknown", lockPath: path + ".lock"))
        }
        return entries
    }

    private func fetched() throws -> [Entry] {
        let files = FileManager.default
        guard files.fileExists(atPath: fetchedDirectory) else { return [] }
        var entries: [Entry] = []
        for name in try files.contentsOfDirectory(atPath: fetchedDirectory).sorted() {
            let stem =
                name.hasSuffix(Self.partialSuffix) ? String(name.dropLast(Self.partialSuffix.count)) : name
            guard Digest(hex: stem) != nil else { continue }
            let path = fetchedDirectory + "/" + name
            let lockPath = fetchedDirectory + "/" + stem + ".lock"
            var byteCount = 0
            for file in (try? files.contentsOfDirectory(atPath: path)) ?? [] {
                byteCount += FileStatus(path: path + "/" + file)?.byteCount ?? 0
            }
            let lock = try? files.attributesOfItem(atPath: lockPath)
            entries.append(
                Entry(
                    path: path, byteCount: byteCount,
                    lastUsed: lock?[.modificationDate] as? Date ?? .distantPast,
                    source: name == stem ? "other hosts" : "other hosts, not whole", lockPath: lockPath))
        }
        return entries
    }

    /// Removes bases, the longest unused first.
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
                guard let lock = try? FileLock(path: entry.lockPath) else { continue }
                try AtomicDirectory.remove(entry.path)
                lock.release()
            }
            remaining -= entry.byteCount
            removed.append(entry)
        }
        return removed
    }
}
