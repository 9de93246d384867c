import DurableFiles
import Testing

@Suite struct FreeSpaceTests {
    @Test func moreThanThereIsIsRefusedWithBothNumbers() throws {
        let directory = try TemporaryDirectory()
        try FreeSpace.require(1, at: directory.path, for: "a byte")
        let error = #expect(throws: DurableFileError.self) {
            try FreeSpace.require(.max, at: directory.path, for: "the expanded base")
        }
        #expect(error?.code == .noSpace)
        #expect(error?.message.contains("the expanded base needs \(Int.max) bytes") == true)
    }
}
