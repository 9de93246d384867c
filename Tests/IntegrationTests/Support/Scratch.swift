import Foundation

/// A folder of a test's own, and the processes it started; both are gone when the test lets go of it.
final class Scratch {
    /// Empty at first.
    let folder: URL
    /// Every process of the test, and what that starts in turn, carries this in its environment.
    let token = "shoal-test-\(UUID().uuidString)"

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(token)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        for process in processes() { kill(process, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// The path of `name` in the folder.
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let url = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    /// Whether a file or folder is there.
    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// Ids of the live processes that carry the token: those of the test that still run (zombies aside).
    func processes() -> [pid_t] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let mark = Data("SHOAL_TEST_TOKEN=\(token)".utf8)
        return entries.compactMap { pid_t($0) }.filter { process in
            // An ended process has an empty environment, so those waiting to be collected do not count.
            guard let handle = FileHandle(forReadingAtPath: "/proc/\(process)/environ"),
                let environment = try? handle.readToEnd()
            else { return false }
            return environment.range(of: mark) != nil
        }
    }
}
