import DurableFiles
import Foundation

/// A directory that lives as long as the object.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/shoal-test-" + UUID().uuidString
        try AtomicDirectory.createDirectory(path)
    }

    deinit { try? AtomicDirectory.remove(path) }

    func file(_ name: String) -> String { path + "/" + name }

    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
}

func text(of path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
