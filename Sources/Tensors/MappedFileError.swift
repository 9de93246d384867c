/// Why a file could not be mapped, or is no longer what was mapped.
public struct MappedFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Equatable {
        /// There is no such file.
        case notFound
        /// It is not a regular file, or may not be read.
        case unreadable
        /// It was truncated or written while it was mapped: what was read since may be wrong.
        case changed
        /// A range or alignment that the file does not have was asked for.
        case outOfBounds
        /// Any other failure of the operating system.
        case io
    }

    public let code: Code
    /// What happened, what was expected, and what to do next.
    public let message: String
    public let path: String

    public init(code: Code, message: String, path: String) {
        self.code = code
        self.message = message
        self.path = path
    }

    public var description: String { message }
}
