import DurableFiles
import Testing

@Suite struct AtomicFileTests {
    private struct Interrupted: Error {}

    @Test func replacesTheWholeContentAndLeavesNoTemporaryFile() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("config.yaml")
        try AtomicFile.write("a longer first version", to: path)
        try AtomicFile.write("second", to: path)
        #expect(try text(of: path) == "second")
        #expect(try directory.names() == ["config.yaml"])
    }

    @Test func aFailingWriterLeavesTheOldContent() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("state.json")
        try AtomicFile.write("old", to: path)
        #expect(throws: Interrupted.self) {
            try AtomicFile.write(to: path) { writer in
                try writer.write("half of the new")
                throw Interrupted()
            }
        }
        #expect(try text(of: path) == "old")
        #expect(try directory.names() == ["state.json"])
    }

    @Test func countsTheBytesItStreams() throws {
        let directory = try TemporaryDirectory()
        let piece = [UInt8](repeating: 7, count: 100_000)
        let count = try AtomicFile.write(to: directory.file("weights")) { writer in
            for _ in 0..<5 { try writer.write(piece) }
            return writer.count
        }
        #expect(count == 500_000)
        #expect(
            try Digest.sha256(ofFile: directory.file("weights"))
                == .sha256([UInt8](repeating: 7, count: 500_000)))
    }

    @Test func aMissingDirectoryIsNamed() throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: DurableFileError.self) {
            try AtomicFile.write("x", to: directory.file("absent/file"))
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("absent/file") == true)
    }
}
