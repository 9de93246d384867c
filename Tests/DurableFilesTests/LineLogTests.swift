import DurableFiles
import Testing

@Suite struct LineLogTests {
    @Test func appendsWholeLinesAcrossOpenings() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("ledger.jsonl")
        try LineLog(path: path).append("{\"step\":1}")
        let log = try LineLog(path: path)
        #expect(log.tornLine.isEmpty)
        try log.append("{\"step\":2}")
        #expect(try text(of: path) == "{\"step\":1}\n{\"step\":2}\n")
    }

    @Test(arguments: [1, 200_000]) func cutsATornLastLineAndSaysWhatItWas(length: Int) throws {
        let torn = String(repeating: "{", count: length)
        let directory = try TemporaryDirectory()
        let path = directory.file("ledger.jsonl")
        try AtomicFile.write("one\ntwo\n" + torn, to: path)
        let log = try LineLog(path: path)
        #expect(log.tornLine == Array(torn.utf8))
        try log.append("three")
        #expect(try text(of: path) == "one\ntwo\nthree\n")
    }

    @Test func aFileOfOneTornLineBecomesEmpty() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("ledger.jsonl")
        try AtomicFile.write("no line break", to: path)
        let log = try LineLog(path: path)
        #expect(log.tornLine == Array("no line break".utf8))
        #expect(try text(of: path).isEmpty)
    }

    @Test func whoOpenedItBeforeWritesNoMoreIntoIt() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("ledger.jsonl")
        let old = try LineLog(path: path)
        try old.append("one")
        let new = try LineLog(path: path)
        try new.append("two")
        try old.append("a line of somebody who was replaced")
        try new.append("three")
        #expect(try text(of: path) == "one\ntwo\nthree\n")
    }

    @Test func refusesALineWithALineBreakInIt() throws {
        let directory = try TemporaryDirectory()
        let log = try LineLog(path: directory.file("ledger.jsonl"))
        let error = #expect(throws: DurableFileError.self) { try log.append("one\ntwo") }
        #expect(error?.code == .invalid)
        try log.append("three")
        #expect(try text(of: directory.file("ledger.jsonl")) == "three\n")
    }
}
