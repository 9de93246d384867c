import Foundation
import Glibc

/// Results go here, unbuffered.
enum StandardOutput {
    /// Writes `text`; false when the reader has gone away.
    @discardableResult
    static func write(_ text: String) -> Bool {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
            return true
        } catch {
            return false
        }
    }
}

/// Progress, prompts and errors go here.
enum StandardError {
    /// Writes `text`; a reader that has gone away is no error.
    static func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}
