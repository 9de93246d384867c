import Glibc

/// What libzmq leaves to the caller about unix sockets (`ipc://`).
enum IPCPath {
    /// Bytes `sun_path` holds, without its terminating 0.
    static let maximumByteCount = 107

    /// The path of a file system endpoint; nil for other transports, abstract names and `ipc://*`.
    static func path(of endpoint: String) -> String? {
        guard endpoint.hasPrefix("ipc://") else { return nil }
        let path = String(endpoint.dropFirst("ipc://".count))
        return path == "*" || path.hasPrefix("@") ? nil : path
    }

    static func checkLength(of endpoint: String) throws(ZMQError) {
        guard let path = path(of: endpoint), path.utf8.count > maximumByteCount else { return }
        throw ZMQError(
            .pathTooLong,
            "\(endpoint): the path has \(path.utf8.count) bytes, a unix socket's at most \(maximumByteCount); "
                + "use a shorter directory (TMPDIR)",
            subject: endpoint, errorNumber: ENAMETOOLONG)
    }

    /// libzmq removes whatever stands at the path before it binds, so a second process would silently take the
    /// place of the first. A path at which somebody answers is in use.
    static func checkUnused(_ endpoint: String) throws(ZMQError) {
        guard let path = path(of: endpoint) else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { destination in
            unsafe destination.copyBytes(from: path.utf8.prefix(maximumByteCount))
        }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe Glibc.connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result == 0 {
            throw .make("listening", subject: endpoint, errorNumber: EADDRINUSE)
        }
    }

    /// The socket's file is open to its owner alone.
    static func closeToOthers(_ endpoint: String) throws(ZMQError) {
        guard let path = path(of: endpoint) else { return }
        guard unsafe chmod(path, 0o600) == 0 else {
            throw .make("closing the socket to other users", subject: endpoint, errorNumber: errno)
        }
    }
}
