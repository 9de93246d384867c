import DurableFiles
import Testing

@Suite struct FileStatusTests {
    @Test func anotherFileOfTheSameNameHasAnotherStatus() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("weights")
        #expect(FileStatus(path: path) == nil)
        try AtomicFile.write("abc", to: path)
        let first = try #require(FileStatus(path: path))
        #expect(first.byteCount == 3 && !first.isDirectory)
        #expect(FileStatus(path: path) == first)
        // The old file is still there while the new one is made, so the inode differs.
        try AtomicFile.write("abd", to: path)
        #expect(FileStatus(path: path)?.inode != first.inode)
        #expect(FileStatus(path: directory.path)?.isDirectory == true)
    }
}
