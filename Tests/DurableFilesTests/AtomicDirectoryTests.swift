import DurableFiles
import Testing

@Suite struct AtomicDirectoryTests {
    private struct Interrupted: Error {}

    @Test func publishesAllFilesAtOnce() throws {
        let directory = try TemporaryDirectory()
        try AtomicDirectory.publish(at: directory.file("adapter")) { partial in
            #expect(try directory.names() == ["adapter.partial"])
            try AtomicFile.write("{}", to: partial + "/adapter_config.json")
            try AtomicDirectory.createDirectory(partial + "/inner")
            try AtomicFile.write("x", to: partial + "/inner/file")
        }
        #expect(try directory.names() == ["adapter"])
        #expect(try text(of: directory.file("adapter/adapter_config.json")) == "{}")
        #expect(try text(of: directory.file("adapter/inner/file")) == "x")
    }

    @Test func aFailureLeavesNothingThatLooksFinished() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: Interrupted.self) {
            try AtomicDirectory.publish(at: directory.file("adapter")) { partial in
                try AtomicFile.write("{}", to: partial + "/adapter_config.json")
                throw Interrupted()
            }
        }
        #expect(try directory.names() == [])
    }

    @Test func refusesToReplaceUnlessAsked() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("adapter")
        try AtomicDirectory.publish(at: path) { try AtomicFile.write("old", to: $0 + "/old") }
        let error = #expect(throws: DurableFileError.self) {
            try AtomicDirectory.publish(at: path) { _ in }
        }
        #expect(error?.code == .exists)
        try AtomicDirectory.publish(at: path, replacing: true) {
            try AtomicFile.write("new", to: $0 + "/new")
        }
        #expect(try text(of: path + "/new") == "new")
        #expect(throws: (any Error).self) { try text(of: path + "/old") }
        #expect(try directory.names() == ["adapter"])
    }

    @Test func aStalePartialOfAKilledProcessIsRemoved() throws {
        let directory = try TemporaryDirectory()
        try AtomicDirectory.createDirectory(directory.file("adapter.partial"))
        try AtomicFile.write("stale", to: directory.file("adapter.partial/stale"))
        try AtomicDirectory.publish(at: directory.file("adapter")) {
            try AtomicFile.write("1", to: $0 + "/fresh")
        }
        #expect(throws: (any Error).self) { try text(of: directory.file("adapter/stale")) }
        #expect(try text(of: directory.file("adapter/fresh")) == "1")
    }

    @Test func aFileInPlaceOfADirectoryIsAnError() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.write("x", to: directory.file("taken"))
        let error = #expect(throws: DurableFileError.self) {
            try AtomicDirectory.createDirectory(directory.file("taken"))
        }
        #expect(error?.code == .exists)
    }
}
