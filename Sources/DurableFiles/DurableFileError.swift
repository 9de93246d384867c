import Glibc

/// Why a file or directory could not be written, read, locked or published.
public struct DurableFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, for callers that react to it.
    public enum Code: String, Sendable, Equatable {
        /// The file system is full, or has less room than was asked for.
        case noSpace
        /// Something is already there.
        case exists
        /// A file or one of its parent directories is missing.
        case notFound
        /// Another process holds the lock.
        case locked
        /// The user may not do that, or the file system is read-only.
        case permissionDenied
        /// The caller's bytes cannot be stored (a line with a line break in it).
        case invalid
        /// Any other failure of the operating system.
        case io
    }

    public let code: Code
    /// What happened, what was expected, and what to do next.
    public let message: String
    /// The file or directory.
    public let path: String
    /// The operating system's error number; 0 when there is none.
    public let errorNumber: Int32

    public init(code: Code, message: String, path: String, errorNumber: Int32 = 0) {
        self.code = code
        self.message = message
        self.path = path
        self.errorNumber = errorNumber
    }

    /// Describes a failed system call.
    ///
    /// - Parameter action: what was tried, as a verb: "write", "rename to its final name".
    package init(errorNumber: Int32, action: String, path: String) {
        let code: Code
        let advice: String
        switch errorNumber {
        case ENOSPC, EDQUOT:
            code = .noSpace
            advice = "free some space there or choose another directory"
        case EEXIST, ENOTEMPTY:
            code = .exists
            advice = "remove it or choose another name"
        case ENOENT, ENOTDIR:
            code = .notFound
            advice = "check the path"
        case EACCES, EPERM, EROFS:
            code = .permissionDenied
            advice = "check owner, permissions and mount options"
        case EWOULDBLOCK:
            code = .locked
            advice = "wait for the other process or stop it"
        default:
            code = .io
            advice = "check the disk and the file system"
        }
        self.init(
            code: code,
            message: "\(path): cannot \(action): \(SystemCalls.errorText(errorNumber)); \(advice)",
            path: path, errorNumber: errorNumber)
    }

    public var description: String { message }
}
