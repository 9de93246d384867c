import Foundation
import Telemetry
import Testing

@Suite("Record logs")
struct RecordLogTests {
    private func withFile(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "shoal-\(UUID().uuidString).jsonl")
            .path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test("each step has one line, however often it is replayed")
    func stepsAreWrittenOnce() throws {
        try withFile { path in
            let log = try StepLog<StepRecord>(path: path)
            #expect(try log.append(record(step: 1)))
            #expect(try log.append(record(step: 2, loss: 2)))
            #expect(try !log.append(record(step: 2, loss: 3)))
            let records = try StepLog<StepRecord>.read(path)
            #expect(records.map(\.step) == [1, 2])
            #expect(records.last?.loss == 2)
        }
    }

    @Test("resuming removes a torn line, what is no record, second lines and steps that were never committed")
    func resumingPutsTheFileRight() throws {
        try withFile { path in
            let lines = [
                record(step: 1).jsonLine, "not a record", record(step: 2).jsonLine,
                record(step: 2, loss: 9).jsonLine,
                record(step: 3).jsonLine, record(step: 4).jsonLine,
            ]
            try Data((lines.joined(separator: "\n") + "\n{\"step\":5,\"lo").utf8).write(
                to: URL(filePath: path))
            let log = try StepLog<StepRecord>(path: path, keepingStepsThrough: 3)
            #expect(log.contains(step: 3))
            #expect(!log.contains(step: 4))
            #expect(try log.append(record(step: 4, loss: 7)))
            let records = try StepLog<StepRecord>.read(path)
            #expect(records.map(\.step) == [1, 2, 3, 4])
            #expect(records.map(\.loss) == [0.5, 0.5, 0.5, 7])
        }
    }

    @Test("a file that is right already keeps its bytes")
    func rightFileIsLeftAlone() throws {
        try withFile { path in
            let first = try StepLog<StepRecord>(path: path)
            try first.append(record(step: 1))
            let before = try Data(contentsOf: URL(filePath: path))
            let again = try StepLog<StepRecord>(path: path, keepingStepsThrough: 1)
            #expect(again.contains(step: 1))
            #expect(try Data(contentsOf: URL(filePath: path)) == before)
        }
    }

    @Test("events are appended behind what is there")
    func eventsAreAppended() throws {
        try withFile { path in
            try RecordLog<EventRecord>(path: path).append(EventRecord(event: "one"))
            try RecordLog<EventRecord>(path: path).append(EventRecord(event: "two"))
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.split(separator: "\n").count == 2)
        }
    }
}
