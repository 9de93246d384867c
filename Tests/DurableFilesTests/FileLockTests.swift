import DurableFiles
import Glibc
import Synchronization
import Testing

@Suite struct FileLockTests {
    @Test func aSecondHolderIsRefusedAndToldWhoHasIt() throws {
        let directory = try TemporaryDirectory()
        let lock = try FileLock(path: directory.file("lock"))
        let error = #expect(throws: DurableFileError.self) { try FileLock(path: directory.file("lock")) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("process \(getpid())") == true)
        lock.release()
        _ = try FileLock(path: directory.file("lock"))
    }

    @Test func theEndOfTheObjectReleasesIt() throws {
        let directory = try TemporaryDirectory()
        do { _ = try FileLock(path: directory.file("lock")) }
        _ = try FileLock(path: directory.file("lock"))
    }

    @Test func waitsForAnotherHolderAndSaysSoOnce() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("lock")
        let first = try FileLock(path: path)
        let holders = Mutex<[String]>([])
        // The release comes from the announcement itself, so the test depends on no timing.
        let second = try FileLock(path: path, waitingUpTo: .seconds(30)) { holder in
            holders.withLock { $0.append(holder) }
            first.release()
        }
        #expect(holders.withLock { $0.count } == 1)
        #expect(holders.withLock { $0.first }?.contains("process \(getpid())") == true)
        second.release()
    }
}
