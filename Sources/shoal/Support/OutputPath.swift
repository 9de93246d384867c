import ArgumentParser
import Foundation

/// Where a command is to write.
enum OutputPath {
    /// - Throws: `ValidationError` when something is there and may not be replaced.
    static func require(_ path: String, overwrite: Bool) throws {
        guard !overwrite, FileManager.default.fileExists(atPath: path) else { return }
        throw ValidationError("\(path) is there already; give another name, or --overwrite")
    }
}
