/// Why a model could not be had from the Hub.
public struct HubError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Equatable {
        /// No such repository, revision or file.
        case notFound
        /// No token, or one that may not read the repository.
        case unauthorized
        /// `HF_HUB_OFFLINE` is set and the cache lacks the model.
        case offline
        /// The endpoint cannot be reached, or broke off too often.
        case unavailable
        /// The bytes received are not the bytes announced.
        case digestMismatch
        /// The repository has no safetensors, or something else this program needs.
        case unsupported
        /// An environment variable or an id that makes no sense.
        case invalid
        /// The endpoint answers as no Hub does.
        case protocolViolation
    }

    public let code: Code
    /// What happened, what was expected, and what to do next. Never holds a token.
    public let message: String
    /// The repository, file or URL.
    public let subject: String

    public init(code: Code, message: String, subject: String) {
        self.code = code
        self.message = message
        self.subject = subject
    }

    init(_ code: Code, _ subject: String, _ problem: String) {
        self.init(code: code, message: "\(subject): \(problem)", subject: subject)
    }

    public var description: String { message }
}
