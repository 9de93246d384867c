public import Tensors

/// Why a file of weights could not be read or written.
public struct WeightFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Equatable {
        /// There is no such file.
        case notFound
        /// The file ends before what its header promises.
        case truncated
        /// The bytes contradict the format: a damaged or hostile file.
        case malformed
        /// A correct file that uses something this program does not read.
        case unsupported
        /// A tensor that is needed is not in the file.
        case missingTensor
        /// A tensor has another shape or element type than was asked for.
        case mismatch
        /// The file was truncated or written while it was in use.
        case changed
        /// The operating system refused.
        case io
    }

    public let code: Code
    /// What happened, what was expected and found, and what to do next.
    public let message: String
    /// The file.
    public let path: String
    /// The tensor or metadata key the error is about; nil when it is about the whole file.
    public let tensor: String?

    public init(code: Code, message: String, path: String, tensor: String? = nil) {
        self.code = code
        self.message = message
        self.path = path
        self.tensor = tensor
    }

    /// Puts file and tensor in front of `problem`.
    init(_ code: Code, _ path: String, tensor: String? = nil, _ problem: String) {
        let subject = tensor.map { "\(path): tensor '\($0)'" } ?? path
        self.init(code: code, message: "\(subject): \(problem)", path: path, tensor: tensor)
    }

    /// The same failure as the mapped file reports it.
    public init(_ error: MappedFileError) {
        let code: Code =
            switch error.code {
            case .notFound: .notFound
            case .changed: .changed
            case .outOfBounds: .truncated
            case .unreadable, .io: .io
            }
        self.init(code: code, message: error.message, path: error.path)
    }

    public var description: String { message }
}
