import CZMQ
import Glibc

/// A failed call of libzmq, or a key or endpoint that cannot be used.
public struct ZMQError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// Another socket listens there.
        case addressInUse
        /// The host has no such address or interface.
        case addressNotAvailable
        /// Not an endpoint, or one of a transport libzmq does not have.
        case invalidEndpoint
        /// A unix socket's path is longer than the system's limit of 107 bytes.
        case pathTooLong
        /// The system does not let this user do it.
        case permissionDenied
        /// The context was shut down.
        case terminated
        /// No route to the peer (a ROUTER with `mandatory`).
        case unreachable
        /// Too many sockets or open files.
        case exhausted
        /// Not a CURVE key, or a key file that is damaged or readable by others.
        case invalidKey
        /// Anything else; `errorNumber` tells.
        case system
    }
    public var code: Code
    /// What failed, why, and what to do next.
    public var message: String
    /// The endpoint or file it is about; empty when there is none.
    public var subject: String
    /// libzmq's or the system's error number; 0 when none was involved.
    public var errorNumber: Int32

    public init(_ code: Code, _ message: String, subject: String = "", errorNumber: Int32 = 0) {
        self.code = code
        self.message = message
        self.subject = subject
        self.errorNumber = errorNumber
    }

    public var description: String { message }

    /// The error of the libzmq call that has just failed on this thread.
    static func last(_ operation: String, subject: String = "") -> ZMQError {
        make(operation, subject: subject, errorNumber: zmq_errno())
    }

    /// The error for `errorNumber`, with the advice that fits it.
    static func make(_ operation: String, subject: String, errorNumber: Int32) -> ZMQError {
        let (code, advice) = classify(errorNumber)
        var message = subject.isEmpty ? operation : "\(subject): \(operation)"
        message += " failed: \(text(of: errorNumber))"
        if !advice.isEmpty { message += "; \(advice)" }
        return ZMQError(code, message, subject: subject, errorNumber: errorNumber)
    }

    private static func classify(_ errorNumber: Int32) -> (Code, String) {
        switch errorNumber {
        case EADDRINUSE:
            (.addressInUse, "stop the other program, or choose another port (or * for any free one)")
        case EADDRNOTAVAIL: (.addressNotAvailable, "use an address of this host, or * for all of them")
        case ENODEV: (.addressNotAvailable, "no interface or host of that name on this machine")
        case EINVAL, EPROTONOSUPPORT:
            (.invalidEndpoint, "write tcp://HOST:PORT, ipc:///path/of/socket or inproc://name")
        case ENOENT: (.invalidEndpoint, "the socket's directory does not exist, or nothing is bound there")
        case ENAMETOOLONG:
            (.pathTooLong, "a unix socket's path has at most 107 bytes; use a shorter directory")
        case EACCES, EPERM: (.permissionDenied, "choose a port above 1023, or a directory you may write to")
        case CZMQ_ETERM: (.terminated, "")
        case EHOSTUNREACH: (.unreachable, "")
        case EMFILE, ENFILE: (.exhausted, "raise the limit of open files (ulimit -n)")
        default: (.system, "")
        }
    }

    private static func text(of errorNumber: Int32) -> String {
        guard let text = unsafe zmq_strerror(errorNumber) else { return "error \(errorNumber)" }
        return unsafe String(cString: text)
    }
}
