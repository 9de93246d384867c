import Foundation
import Synchronization
package import Telemetry

/// What a run has written so far, read from its files as they grow; may be shared between threads.
public final class RunFeed: Sendable {
    /// A step, as far as charts need it.
    package struct Point: Sendable {
        package var step: Int
        package var loss: Double
        package var tokensPerSecond: Double

        package init(step: Int, loss: Double, tokensPerSecond: Double) {
            self.step = step
            self.loss = loss
            self.tokensPerSecond = tokensPerSecond
        }
    }

    /// All that is known.
    package struct Snapshot: Sendable {
        package var points: [Point] = []
        package var last: StepRecord?
        package var evaluations: [EvaluationRecord] = []
        package var events: [EventRecord] = []
        /// Sums over the run.
        package var tokenCount = 0
        package var bytesSent = 0.0
        package var bytesReceived = 0.0
    }

    private struct State {
        var snapshot = Snapshot()
        var metrics: LineTail
        var evaluations: LineTail
        var events: LineTail
    }

    /// Latest events kept.
    private static let eventCount = 100

    private let state: Mutex<State>

    /// - Parameter path: RUN.
    public init(path: String) {
        state = Mutex(
            State(
                metrics: LineTail(path: path + "/metrics.jsonl"),
                evaluations: LineTail(path: path + "/eval.jsonl"),
                events: LineTail(path: path + "/events.jsonl")))
    }

    /// Reads what has come and returns everything.
    package func update() -> Snapshot {
        state.withLock { state in
            let decoder = JSONDecoder()
            for line in state.metrics.next() {
                guard let record = try? decoder.decode(StepRecord.self, from: line) else { continue }
                state.snapshot.points.append(
                    Point(
                        step: record.step, loss: record.loss, tokensPerSecond: record.tokensPerSecond))
                state.snapshot.last = record
                state.snapshot.tokenCount += record.tokenCount
                state.snapshot.bytesSent += Double(record.wireBytesSent)
                state.snapshot.bytesReceived += Double(record.wireBytesReceived)
            }
            for line in state.evaluations.next() {
                guard let record = try? decoder.decode(EvaluationRecord.self, from: line) else { continue }
                state.snapshot.evaluations.append(record)
            }
            for line in state.events.next() {
                guard let record = try? decoder.decode(EventRecord.self, from: line) else { continue }
                state.snapshot.events.append(record)
            }
            state.snapshot.events = state.snapshot.events.suffix(Self.eventCount)
            return state.snapshot
        }
    }
}

/// The lines that are appended to a file, as they become whole.
struct LineTail: Sendable {
    private let path: String
    private var offset: UInt64 = 0
    private var rest = Data()

    init(path: String) { self.path = path }

    /// The whole lines since the last call; none while there is no file.
    mutating func next() -> [Data] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        guard let end = try? file.seekToEnd() else { return [] }
        if end < offset {
            // A resumed run cuts its file to what the ledger knows; what was read of it stays read.
            offset = end
            rest = Data()
        }
        guard end > offset, (try? file.seek(toOffset: offset)) != nil,
            let new = try? file.read(upToCount: Int(end - offset))
        else { return [] }
        offset += UInt64(new.count)
        rest += new
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            Data($0)
        }
        rest = lines.popLast() ?? Data()
        return lines.filter { !$0.isEmpty }
    }
}
