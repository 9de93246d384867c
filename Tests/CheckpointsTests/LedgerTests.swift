import Checkpoints
import DurableFiles
import Foundation
import Testing

@Suite("Ledger")
struct LedgerTests {
    private func withLedger(_ body: (String) throws -> Void) throws {
        try withTemporaryDirectory { try body($0 + "/ledger.jsonl") }
    }

    @discardableResult
    private func record(
        _ ledger: Ledger, step: Int, term: UInt64 = 1, examples: [UInt32] = [3, 1], gradient: String? = nil,
        learningRate: Float = 0.0002
    ) throws -> Ledger.Recording {
        try ledger.record(
            step: step, term: term, generation: 2, learningRate: learningRate, exampleIDs: examples,
            leafWorkers: [1, 2, 1], gradientDigest: .sha256(gradient ?? "gradient \(step)"),
            stateDigestBefore: .sha256("state \(step)"))
    }

    @Test("lines hold what was committed and the hash of the line before")
    func linesAreChained() throws {
        try withLedger { path in
            let ledger = try Ledger(path: path)
            #expect(ledger.lastStep == 0)
            #expect(ledger.headDigest == LedgerEntry.noLine)
            #expect(try record(ledger, step: 1) == .appended)
            #expect(try record(ledger, step: 2, term: 4) == .appended)
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            #expect(
                lines[0]
                    == #"{"step":1,"term":1,"generation":2,"learning_rate":\#(Double(Float(0.0002))),"examples":[3,1],"leaf_workers":[1,2,1],"gradient_digest":""#
                    + Digest.sha256("gradient 1").hex + #"","state_digest_before":""#
                    + Digest.sha256("state 1").hex + #"","previous":""# + LedgerEntry.noLine.hex + #""}"#)
            let again = try Ledger(path: path)
            #expect(again.lastStep == 2)
            #expect(again.entry(step: 1)?.learningRate == 0.0002)
            #expect(again.lastTerm == 4)
            #expect(again.headDigest == Digest.sha256(String(lines[1])))
            #expect(again.entry(step: 2)?.previous == Digest.sha256(String(lines[0])))
            #expect(again.entry(step: 3) == nil)
            #expect(again.entry(step: 0) == nil)
        }
    }

    @Test("a torn last line is cut, and the step can be committed again")
    func tornLineIsCut() throws {
        try withLedger { path in
            try record(Ledger(path: path), step: 1)
            let whole = try Data(contentsOf: URL(filePath: path))
            try (whole + Data(#"{"step":2,"term":1,"gen"#.utf8)).write(to: URL(filePath: path))
            #expect(try Ledger.read(path).count == 1)
            let ledger = try Ledger(path: path)
            #expect(ledger.hadTornLine)
            #expect(ledger.lastStep == 1)
            #expect(try Data(contentsOf: URL(filePath: path)) == whole)
            #expect(try record(ledger, step: 2) == .appended)
            #expect(try !Ledger(path: path).hadTornLine)
        }
    }

    @Test("a replayed step appends nothing and has to give the same")
    func replays() throws {
        try withLedger { path in
            let ledger = try Ledger(path: path)
            try record(ledger, step: 1)
            try record(ledger, step: 2)
            let before = try Data(contentsOf: URL(filePath: path))
            // Another life and attempt may replay it; the bits must be the same.
            #expect(try record(ledger, step: 1, term: 9) == .replayed)
            let gradient = #expect(throws: CheckpointError.self) {
                try record(ledger, step: 2, gradient: "another")
            }
            #expect(gradient?.code == .differentReplay)
            #expect(gradient?.message.contains("step 2") == true)
            #expect(throws: CheckpointError.self) { try record(ledger, step: 2, examples: [1, 3]) }
            #expect(throws: CheckpointError.self) { try record(ledger, step: 2, learningRate: 0.0001) }
            #expect(try Data(contentsOf: URL(filePath: path)) == before)
        }
    }

    @Test("a step that does not follow, or of an older term, is refused")
    func gapsAreRefused() throws {
        try withLedger { path in
            let ledger = try Ledger(path: path)
            #expect(throws: CheckpointError.self) { try record(ledger, step: 2) }
            #expect(throws: CheckpointError.self) { try record(ledger, step: 0) }
            try record(ledger, step: 1, term: 5)
            #expect(throws: CheckpointError.self) { try record(ledger, step: 2, term: 4) }
            #expect(ledger.lastStep == 1)
        }
    }

    @Test("a changed bit in any line but the last is found, wherever it is")
    func changesAreFound() throws {
        try withLedger { path in
            let ledger = try Ledger(path: path)
            for step in 1...3 { try record(ledger, step: step) }
            let data = try Data(contentsOf: URL(filePath: path))
            let lastLine = try #require(data.dropLast().lastIndex(of: 0x0A))
            for offset in stride(from: 0, through: lastLine, by: 5) {
                var changed = data
                changed[offset] ^= 1
                try changed.write(to: URL(filePath: path))
                let error = #expect(throws: CheckpointError.self) { try Ledger.read(path) }
                #expect(error?.code == .brokenLedger)
            }
        }
    }

    @Test("removed, repeated and swapped lines are found")
    func rearrangedLinesAreFound() throws {
        try withLedger { path in
            let ledger = try Ledger(path: path)
            for step in 1...3 { try record(ledger, step: step) }
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(
                String.init)
            for order in [[1, 2], [0, 2], [0, 0, 1, 2], [0, 2, 1]] {
                try Data(order.map { lines[$0] + "\n" }.joined().utf8).write(to: URL(filePath: path))
                #expect(throws: CheckpointError.self) { try Ledger(path: path) }
            }
        }
    }
}

@Suite("Ledger audit")
struct LedgerAuditTests {
    private func entries(_ examples: [[UInt32]]) -> [LedgerEntry] {
        examples.enumerated().map { index, ids in
            LedgerEntry(
                step: index + 1, term: 1, generation: 1, learningRate: 0.5, exampleIDs: ids,
                leafWorkers: [1, 2], gradientDigest: .sha256(""), stateDigestBefore: .sha256(""),
                previous: .sha256(""))
        }
    }

    @Test("every example once an epoch is fine, also with a shorter last batch")
    func completeEpochs() {
        let audit = LedgerAudit(
            entries([[9, 2], [5, 4], [7], [7, 9], [2, 4], [5], [4, 5]]), exampleCount: 5)
        #expect(audit.problems.isEmpty)
        #expect(audit.completeEpochCount == 2)
        #expect(audit.openEpochExampleCount == 2)
        #expect(audit.shares.map(\.worker) == [1, 2])
        #expect(audit.shares.allSatisfy { $0.microBatchCount == 7 && $0.firstStep == 1 && $0.lastStep == 7 })
    }

    @Test("an example twice in an epoch, or from nowhere, is named")
    func violations() {
        let twice = LedgerAudit(entries([[1, 2], [2, 3], [4]]), exampleCount: 4)
        #expect(twice.problems == ["step 2: example 2 comes a second time in its epoch"])
        let stranger = LedgerAudit(entries([[1, 2], [2, 8]]), exampleCount: 2)
        #expect(stranger.problems == ["step 2: example 8 is not one of the first epoch"])
    }

    @Test("an example that the sampler does not deal there is named with the one it deals")
    func otherThanDealt() {
        let dealt: [[UInt32]] = [[1, 2], [3, 4], [4, 3], [1, 2]]
        func audit(_ ids: [[UInt32]]) -> [String] {
            LedgerAudit(entries(ids), exampleCount: 4) { dealt[$0 - 1] }.problems
        }
        #expect(audit(dealt).isEmpty)
        #expect(
            audit([[1, 2], [4, 3]]) == ["step 2: its example at place 1 is 4, the sampler deals 3 there"])
        #expect(audit([[1, 2], [3]]) == ["step 2: has 1 examples, the sampler deals 2"])
    }

    @Test("workers of two lives of the coordinator are told apart, and attempts counted")
    func terms() {
        var lines = entries([[1], [2], [3]])
        lines[2].term = 4
        lines[2].generation = 2
        let audit = LedgerAudit(lines, exampleCount: 3)
        #expect(audit.termCount == 2 && audit.retriedStepCount == 1)
        #expect(audit.shares.map { [Int($0.term), Int($0.worker)] } == [[1, 1], [1, 2], [4, 1], [4, 2]])
        #expect(audit.shares[2].firstStep == 3 && audit.shares[0].lastStep == 2)
    }
}
