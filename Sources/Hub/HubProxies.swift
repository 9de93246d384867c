public import Foundation

/// Which proxy a request goes through.
public struct HubProxies: Sendable, Equatable {
    /// A proxy server.
    public struct Server: Sendable, Equatable {
        public let host: String
        public let port: Int
        /// Base64 of "user:password"; nil for a proxy without log-in.
        public let basicCredentials: String?
    }

    private var servers: [String: Server] = [:]
    private var exceptions: [String] = []

    /// No proxies.
    public init() {}

    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case first, as curl does.
    ///
    /// - Throws: ``HubError`` with code `.invalid` for a proxy that is no http URL.
    public init(environment: [String: String]) throws {
        func value(_ key: String) -> String? {
            [key.lowercased(), key].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        for scheme in ["http", "https"] {
            let key = scheme.uppercased() + "_PROXY"
            guard let text = value(key) ?? value("ALL_PROXY") else { continue }
            let url = URL(string: text.contains("://") ? text : "http://" + text)
            guard let url, url.scheme == "http", let host = url.host, !host.isEmpty else {
                throw HubError(.invalid, key, "not an http:// URL; correct or unset it")
            }
            let credentials = url.user.map { "\($0):\(url.password ?? "")" }
            servers[scheme] = Server(
                host: host, port: url.port ?? 80,
                basicCredentials: credentials.map { Data($0.utf8).base64EncodedString() })
        }
        exceptions = (value("NO_PROXY") ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }.filter { !$0.isEmpty }
    }

    /// The proxy for a request to `url`; nil to go straight.
    public func server(for url: URL) -> Server? {
        guard let scheme = url.scheme, let server = servers[scheme], let host = url.host?.lowercased() else {
            return nil
        }
        for exception in exceptions {
            if exception == "*" { return nil }
            var pattern = Substring(exception)
            if let colon = pattern.lastIndex(of: ":"), let port = Int(pattern[pattern.index(after: colon)...])
            {
                if port != url.port ?? (scheme == "https" ? 443 : 80) { continue }
                pattern = pattern[..<colon]
            }
            if pattern.hasPrefix("*") { pattern = pattern.dropFirst() }
            if pattern.hasPrefix(".") { pattern = pattern.dropFirst() }
            if host == pattern || host.hasSuffix("." + pattern) { return nil }
        }
        return server
    }
}
