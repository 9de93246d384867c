public import DurableFiles
import Foundation
import Synchronization

/// Something that is one line of a JSONL file.
public protocol RecordLine: Sendable {
    /// The line, without a line break.
    var jsonLine: String { get }
}

/// A line that belongs to a step, of which a file holds at most one for each step.
public protocol StepLine: RecordLine, Decodable {
    var step: Int { get }
}

/// A JSONL file that grows by records; each is on the disk when ``append(_:)`` returns.
///
/// May be shared between threads.
public final class RecordLog<Record: RecordLine>: Sendable {
    private let log: LineLog

    /// Opens `path`, creating it when missing; a last line that a crash cut short is removed.
    public init(path: String) throws(DurableFileError) { log = try LineLog(path: path) }

    /// Adds a line.
    public func append(_ record: Record) throws(DurableFileError) { try log.append(record.jsonLine) }

    /// All records of the file at `path`, in its order; none when it is missing. Lines that are not records are
    /// left out.
    public static func read(_ path: String) throws -> [Record] where Record: Decodable {
        try JSONLines.read(path)
    }
}

/// A JSONL file that holds each step once, however often a run is resumed and steps are replayed.
///
/// May be shared between threads.
public final class StepLog<Record: StepLine>: Sendable {
    private let log: LineLog
    private let steps: Mutex<Set<Int>>

    /// Opens `path`, creating it when missing, and puts it right: a torn last line, lines that are not records, a
    /// second line of a step, and steps beyond `lastStep` are removed.
    ///
    /// - Parameter lastStep: the newest step that counts (the ledger's head); nil keeps all.
    public init(path: String, keepingStepsThrough lastStep: Int? = nil) throws {
        let records: [Record] = try Self.read(path)
        var seen: Set<Int> = []
        let kept = records.filter { record in
            record.step <= lastStep ?? .max && seen.insert(record.step).inserted
        }
        let text = kept.map { $0.jsonLine + "\n" }.joined()
        try AtomicFile.write(text, to: path)
        log = try LineLog(path: path)
        steps = Mutex(seen)
    }

    /// Adds the line of a step, unless the file has one.
    ///
    /// - Returns: whether the line was added.
    @discardableResult
    public func append(_ record: Record) throws(DurableFileError) -> Bool {
        // Marked first, so that two threads with the same step cannot both write it.
        guard steps.withLock({ $0.insert(record.step).inserted }) else { return false }
        do throws(DurableFileError) {
            try log.append(record.jsonLine)
            return true
        } catch {
            steps.withLock { _ = $0.remove(record.step) }
            throw error
        }
    }

    /// Whether the file has a line of `step`.
    public func contains(step: Int) -> Bool { steps.withLock { $0.contains(step) } }

    /// All records of the file at `path`, in its order; none when it is missing. Lines that are not records are
    /// left out.
    public static func read(_ path: String) throws -> [Record] {
        try JSONLines.read(path)
    }
}

/// Reading JSONL.
private enum JSONLines {
    static func read<Record: Decodable>(_ path: String) throws -> [Record] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let data = try Data(contentsOf: URL(filePath: path))
        let decoder = JSONDecoder()
        return data.split(separator: 0x0A).compactMap { try? decoder.decode(Record.self, from: $0) }
    }
}
