import Foundation

/// Parts of ZeroMQ's addresses, `tcp://HOST:PORT` and `ipc://PATH`.
enum Endpoint {
    static func isTCP(_ endpoint: String) -> Bool { endpoint.hasPrefix("tcp://") }

    /// HOST and PORT; nil for other transports.
    static func hostAndPort(_ endpoint: String) -> (host: String, port: String)? {
        guard isTCP(endpoint) else { return nil }
        let rest = endpoint.dropFirst("tcp://".count)
        guard let colon = rest.lastIndex(of: ":") else { return nil }
        return (String(rest[..<colon]), String(rest[rest.index(after: colon)...]))
    }

    /// Whether others can connect to it, as far as its text tells.
    static func isUsable(_ endpoint: String) -> Bool {
        guard endpoint.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        if let (host, port) = hostAndPort(endpoint) {
            return !host.isEmpty && host != "*" && (UInt16(port) ?? 0) > 0
        }
        return endpoint.hasPrefix("ipc://") && endpoint.count > "ipc://".count
    }

    /// The same port under another host.
    static func replacingHost(of endpoint: String, by host: String) -> String {
        guard let (_, port) = hostAndPort(endpoint) else { return endpoint }
        return "tcp://\(host):\(port)"
    }

    /// A unix socket's endpoint of its own beside that of `endpoint`.
    static func beside(_ endpoint: String, name: String) -> String {
        let path = String(endpoint.dropFirst("ipc://".count))
        let directory = (path as NSString).deletingLastPathComponent
        let unique = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        return "ipc://\(directory.isEmpty ? "." : directory)/\(name)-\(unique)"
    }
}
