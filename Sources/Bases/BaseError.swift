/// Why a base model could not be found, read or prepared.
///
/// Damaged files, full disks and the Hub have errors of their own (`WeightFileError`, `DurableFileError`,
/// `HubError`); this one is about what the files mean.
public struct BaseError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Equatable {
        /// There is no such file or directory, and it is no Hub id.
        case notFound
        /// A directory or file that is no model, or contradicts itself.
        case invalid
        /// An architecture or feature this program does not compute.
        case unsupported
    }

    public let code: Code
    /// What was expected and found, and what to do next.
    public let message: String
    /// The file, directory or id.
    public let path: String

    public init(code: Code, message: String, path: String) {
        self.code = code
        self.message = message
        self.path = path
    }

    init(_ code: Code, _ path: String, _ problem: String) {
        self.init(code: code, message: "\(path): \(problem)", path: path)
    }

    public var description: String { message }
}
