import DurableFiles
import Foundation

/// `RUN/`: the directory a run writes into, locked while this object lives.
public final class RunDirectory: Sendable {
    /// The directory.
    public let path: String
    /// Drawn once, when the run began.
    public let runID: UInt64
    private let lock: FileLock

    public var configurationPath: String { path + "/config.yaml" }
    public var metricsPath: String { path + "/metrics.jsonl" }
    public var evaluationsPath: String { path + "/eval.jsonl" }
    public var eventsPath: String { path + "/events.jsonl" }
    public var ledgerPath: String { path + "/ledger.jsonl" }
    public var checkpointsPath: String { path + "/checkpoints" }
    /// What a run writes at the top of its directory beside its checkpoints; what `--overwrite` may remove.
    private static let ownNames = [
        "config.yaml", "metrics.jsonl", "eval.jsonl", "events.jsonl", "ledger.jsonl", "term", "adapter",
        "adapter.partial", "model", "model.partial", "tensorboard",
        headName,
    ]
    private static let headName = "run.json"
    private static let lockName = "lock"
    private static let formatVersion = 1

    /// `run.json`: that this is a run, and which.
    private struct Head: Codable {
        var formatVersion: Int
        var runID: String
        var shoalVersion: String

        private enum CodingKeys: String, CodingKey {
            case formatVersion = "format_version"
            case runID = "run_id"
            case shoalVersion = "shoal_version"
        }
    }

    /// Begins a run in `path`.
    ///
    /// - Parameters:
    ///   - configuration: the resolved configuration, every default written out.
    ///   - overwrite: removes an earlier run's own files first; anything else in the directory stays.
    /// - Throws: ``CheckpointError`` with code `.exists` for a run (without `overwrite`) or a directory with other
    ///   things in it (always); `DurableFileError` with code `.locked` while another process has the run.
    public static func create(
        at path: String, configuration: String, overwrite: Bool, shoalVersion: String
    ) throws -> RunDirectory {
        try AtomicDirectory.createDirectory(path)
        let present = try contents(of: path)
        let isRun = present.contains(headName)
        if !isRun, !present.isEmpty {
            throw CheckpointError(
                code: .exists,
                message:
                    "\(path): holds \(present[0]) and no run; choose an empty or a new directory for --output",
                path: path)
        }
        if isRun && !overwrite {
            throw CheckpointError(
                code: .exists,
                message:
                    "\(path): holds a run; go on with it by --resume \(path), or begin anew with --overwrite",
                path: path)
        }
        let lock = try FileLock(path: path + "/" + lockName)
        try removeCheckpoints(in: path + "/checkpoints")
        // run.json goes last, so that a removal cut short leaves a directory that is still known as a run.
        for name in ownNames { try AtomicDirectory.remove(path + "/" + name) }
        let runID = UInt64.random(in: 1 ... .max)
        let head = Head(
            formatVersion: formatVersion, runID: String(runID, radix: 16), shoalVersion: shoalVersion)
        try AtomicFile.write(jsonText(head), to: path + "/" + headName)
        try AtomicFile.write(configuration, to: path + "/config.yaml")
        return RunDirectory(path: path, runID: runID, lock: lock)
    }

    /// Goes on with the run in `path`.
    ///
    /// - Throws: ``CheckpointError`` with code `.notARun` or `.unsupportedVersion`; `DurableFileError` with code
    ///   `.locked` while another process has the run.
    public static func resume(at path: String) throws -> RunDirectory {
        let runID = try readRunID(path)
        return RunDirectory(path: path, runID: runID, lock: try FileLock(path: path + "/" + lockName))
    }

    /// The id of the run in `path`, without taking its lock.
    ///
    /// - Throws: ``CheckpointError`` with code `.notARun`, `.malformed` or `.unsupportedVersion`.
    public static func readRunID(_ path: String) throws -> UInt64 {
        let headPath = path + "/" + headName
        guard let data = FileManager.default.contents(atPath: headPath),
            FileManager.default.fileExists(atPath: path + "/config.yaml")
        else {
            throw CheckpointError(
                code: .notARun,
                message:
                    "\(path): holds no run (\(headName) and config.yaml); give the directory that an earlier"
                    + " --output named",
                path: path)
        }
        guard let head = try? JSONDecoder().decode(Head.self, from: data),
            let runID = UInt64(head.runID, radix: 16)
        else {
            throw CheckpointError(
                code: .malformed,
                message: "\(headPath): not readable; restore it, or begin anew with --overwrite",
                path: headPath)
        }
        guard head.formatVersion == formatVersion else {
            throw CheckpointError(
                code: .unsupportedVersion,
                message:
                    "\(path): a run of Shoal \(head.shoalVersion) in format \(head.formatVersion); this version"
                    + " reads format \(formatVersion). Resume with Shoal \(head.shoalVersion)",
                path: path)
        }
        return runID
    }

    private init(path: String, runID: UInt64, lock: FileLock) {
        self.path = path
        self.runID = runID
        self.lock = lock
    }

    /// The text of `config.yaml`.
    public func configuration() throws -> String {
        try String(contentsOf: URL(filePath: configurationPath), encoding: .utf8)
    }

    /// Counts this life of the coordinator: raises `term` by one, durably, and returns it. 1 for the first.
    ///
    /// - Throws: ``CheckpointError`` with code `.malformed` when the file holds no number.
    public func raiseTerm() throws -> UInt64 {
        let term = try recordedTerm() + 1
        try AtomicFile.write("\(term)\n", to: termPath)
        return term
    }

    /// Whether no coordinator has started in this run since the one of `term`.
    ///
    /// The lock keeps others out as long as it holds. One that was removed by hand, or that a network's file system gave
    /// away while this machine was suspended, does not: then the term fences this life off.
    /// - Throws: ``CheckpointError`` with code `.malformed`.
    public func isNewest(term: UInt64) throws -> Bool { try recordedTerm() <= term }

    /// Throws unless ``isNewest(term:)``; to be called before anything is written.
    ///
    /// - Throws: ``CheckpointError`` with code `.superseded`.
    public func requireNewest(term: UInt64) throws {
        let newest = try recordedTerm()
        guard newest > term else { return }
        throw CheckpointError(
            code: .superseded,
            message:
                "\(path): another coordinator goes on with this run (term \(newest), this one has \(term));"
                + " this one stops without writing any more",
            path: path)
    }

    private var termPath: String { path + "/term" }

    /// The term of the last start; 0 before the first.
    private func recordedTerm() throws -> UInt64 {
        guard let data = FileManager.default.contents(atPath: termPath) else { return 0 }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let term = UInt64(text), term < .max else {
            throw CheckpointError(
                code: .malformed,
                message:
                    "\(termPath): holds '\(text.prefix(40))', expected the number of the last start; write a"
                    + " number above the newest term in ledger.jsonl",
                path: termPath)
        }
        return term
    }

    /// Publishes the run's result: whole or not at all, and nothing of the run is written after it. A run that has not
    /// ended well has none.
    ///
    /// - Parameters:
    ///   - name: of the folder in RUN: `adapter`, or `model`.
    ///   - fill: writes the files into the directory it is given.
    public func publish(_ name: String, fill: (_ directory: String) throws -> Void) throws {
        precondition(Self.ownNames.contains(name), "'\(name)' is no result of a run")
        try AtomicDirectory.publish(at: path + "/" + name, replacing: true, fill: fill)
    }

    /// Gives the lock back; nothing may be written after.
    public func release() { lock.release() }

    /// Takes the run back as if it had never begun: for one that could not start after its directory was made.
    ///
    /// - Throws: `DurableFileError`.
    public func discard() throws {
        try Self.removeCheckpoints(in: checkpointsPath)
        for name in Self.ownNames { try AtomicDirectory.remove(path + "/" + name) }
        lock.release()
        guard try Self.contents(of: path).isEmpty else { return }
        try AtomicDirectory.remove(path)
    }

    /// Removes what a ``CheckpointStore`` wrote, and the directory unless something else is in it.
    private static func removeCheckpoints(in directory: String) throws {
        guard FileManager.default.fileExists(atPath: directory) else { return }
        var isEmpty = true
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            if CheckpointStore.isOwnName(name) {
                try AtomicDirectory.remove(directory + "/" + name)
            } else {
                isEmpty = false
            }
        }
        if isEmpty { try AtomicDirectory.remove(directory) }
    }

    /// Names in the directory but the lock's, sorted.
    private static func contents(of path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).filter { $0 != lockName }.sorted()
    }
}
