public import DurableFiles
import Foundation
import Synchronization

/// `ledger.jsonl`: the proof of what was trained, a line a committed step, each holding the hash of the one before.
///
/// May be shared between threads.
public final class Ledger: Sendable {
    /// What became of a step that was given to ``record(step:term:generation:learningRate:exampleIDs:leafWorkers:gradientDigest:stateDigestBefore:)``.
    public enum Recording: Sendable, Equatable {
        /// Its line is on the disk now.
        case appended
        /// Its line was there, and says the same.
        case replayed
    }

    private struct State {
        var entries: [LedgerEntry]
        var headDigest: Digest
    }

    public let path: String
    /// Whether opening had to cut off a last line that a crash left unfinished. Nobody can have applied its step.
    public let hadTornLine: Bool
    private let log: LineLog
    private let state: Mutex<State>

    /// Opens `path`, creating it when missing, cuts a torn last line and checks the chain.
    ///
    /// - Throws: ``CheckpointError`` with code `.brokenLedger` that names the line.
    public init(path: String) throws {
        self.path = path
        log = try LineLog(path: path)
        hadTornLine = !log.tornLine.isEmpty
        let (entries, headDigest) = try Ledger.parse(path)
        state = Mutex(State(entries: entries, headDigest: headDigest))
    }

    /// All lines of the ledger at `path`, checked; a torn last line is left out and left in the file.
    ///
    /// - Throws: ``CheckpointError`` with code `.brokenLedger` that names the line.
    public static func read(_ path: String) throws -> [LedgerEntry] { try parse(path).entries }

    /// Whether the ledger at `path` ends in a line that was not finished.
    public static func hasTornLine(_ path: String) -> Bool {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        return !data.isEmpty && data.last != 0x0A
    }

    /// The newest committed step; 0 before the first.
    public var lastStep: Int { state.withLock { $0.entries.count } }

    /// Hash of the newest line; ``LedgerEntry/noLine`` before the first.
    public var headDigest: Digest { state.withLock { $0.headDigest } }

    /// The highest term in it; 0 before the first line.
    public var lastTerm: UInt64 { state.withLock { $0.entries.last?.term ?? 0 } }

    /// The line of `step`, if it is committed.
    public func entry(step: Int) -> LedgerEntry? {
        state.withLock { step >= 1 && step <= $0.entries.count ? $0.entries[step - 1] : nil }
    }

    /// Writes down that a step is committed; its line is on the disk when this returns.
    ///
    /// A step that is there already, because it is replayed after a checkpoint, appends nothing and has to have the
    /// same examples and digests.
    /// - Throws: ``CheckpointError`` with code `.differentReplay`, or `.brokenLedger` for a step that does not follow
    ///   the newest; `DurableFileError` when the disk refuses, and then nothing is committed.
    public func record(
        step: Int, term: UInt64, generation: UInt64, learningRate: Float, exampleIDs: [UInt32],
        leafWorkers: [UInt32], gradientDigest: Digest, stateDigestBefore: Digest?, lossSum: Double? = nil,
        wasSkipped: Bool = false
    ) throws -> Recording {
        try state.withLock { state in
            if step >= 1, step <= state.entries.count {
                let known = state.entries[step - 1]
                try requireSame("learning rate", "\(known.learningRate)", "\(learningRate)", step: step)
                try requireSame("examples", "\(known.exampleIDs)", "\(exampleIDs)", step: step)
                if let before = known.stateDigestBefore, let stateDigestBefore {
                    try requireSame("state before it", before.hex, stateDigestBefore.hex, step: step)
                }
                try requireSame("reduced gradient", known.gradientDigest.hex, gradientDigest.hex, step: step)
                return .replayed
            }
            guard step == state.entries.count + 1, term >= state.entries.last?.term ?? 0 else {
                throw CheckpointError(
                    code: .brokenLedger,
                    message:
                        "\(path): step \(step) of term \(term) cannot follow step \(state.entries.count) of term"
                        + " \(state.entries.last?.term ?? 0)",
                    path: path)
            }
            let entry = LedgerEntry(
                step: step, term: term, generation: generation, learningRate: learningRate,
                exampleIDs: exampleIDs, leafWorkers: leafWorkers, gradientDigest: gradientDigest,
                stateDigestBefore: stateDigestBefore, lossSum: lossSum, wasSkipped: wasSkipped,
                previous: state.headDigest)
            let line = entry.jsonLine
            try log.append(line)
            state.entries.append(entry)
            state.headDigest = Digest.sha256(line)
            return .appended
        }
    }

    private func requireSame(
        _ what: String, _ known: String, _ found: String, step: Int
    ) throws(CheckpointError) {
        guard known != found else { return }
        throw CheckpointError(
            code: .differentReplay,
            message:
                "\(path): replayed step \(step) has another \(what) than its line says (\(found.prefix(40)),"
                + " expected \(known.prefix(40))); are data, configuration, BLAS and core type those of the run?",
            path: path)
    }

    private static func parse(_ path: String) throws -> (entries: [LedgerEntry], headDigest: Digest) {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        let decoder = JSONDecoder()
        var entries: [LedgerEntry] = []
        var headDigest = LedgerEntry.noLine
        var rest = data[...]
        while let lineBreak = rest.firstIndex(of: 0x0A) {
            let line = rest[rest.startIndex..<lineBreak]
            rest = rest[(lineBreak + 1)...]
            let number = entries.count + 1
            func broken(_ problem: String) -> CheckpointError {
                CheckpointError(
                    code: .brokenLedger,
                    message:
                        "\(path): line \(number) \(problem); restore the file from a copy, or begin a new run",
                    path: path)
            }
            guard let entry = try? decoder.decode(LedgerEntry.self, from: line) else {
                throw broken("is not a committed step")
            }
            guard entry.step == number else { throw broken("is of step \(entry.step), expected \(number)") }
            guard entry.previous == headDigest else {
                throw broken("does not follow the line before it: one of the two was changed")
            }
            guard entry.term >= entries.last?.term ?? 0 else {
                throw broken("is of term \(entry.term), after one of term \(entries.last?.term ?? 0)")
            }
            entries.append(entry)
            headDigest = Digest.sha256(Array(line))
        }
        return (entries, headDigest)
    }
}
