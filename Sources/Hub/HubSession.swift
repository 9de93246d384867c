import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1

/// HTTP to the Hub: proxies, redirects by hand, and the token for the endpoint's host alone.
final class HubSession: Sendable {
    let configuration: HubConfiguration
    let logger: Logger
    private let endpoint: URL
    private let direct: HTTPClient
    private let proxied: [String: HTTPClient]

    /// Redirects followed before giving up.
    private static let redirectLimit = 5

    init(configuration: HubConfiguration, logger: Logger) throws {
        guard let endpoint = URL(string: configuration.endpoint) else {
            throw HubError(
                .invalid, "HF_ENDPOINT", "'\(configuration.endpoint)' is no URL; correct or unset it")
        }
        self.configuration = configuration
        self.logger = logger
        self.endpoint = endpoint
        func client(_ proxy: HubProxies.Server?) -> HTTPClient {
            var settings = HTTPClient.Configuration()
            settings.redirectConfiguration = .disallow
            // It would try again until the time to connect is over; `attempts` does that, with a word to the user.
            settings.connectionPool.retryConnectionEstablishment = false
            func amount(_ duration: Duration) -> TimeAmount {
                .nanoseconds(Int64(duration / .nanoseconds(1)))
            }
            settings.timeout = .init(
                connect: amount(configuration.connectTimeout), read: amount(configuration.readTimeout))
            if let proxy {
                settings.proxy = .server(
                    host: proxy.host, port: proxy.port,
                    authorization: proxy.basicCredentials.map { .basic(credentials: $0) })
            }
            return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        }
        direct = client(nil)
        var proxied: [String: HTTPClient] = [:]
        for scheme in ["http", "https"] {
            guard let url = URL(string: scheme + "://proxied.invalid"),
                let server = configuration.proxies.server(for: url)
            else { continue }
            proxied[scheme] = client(server)
        }
        self.proxied = proxied
    }

    /// Closes all connections. Must be called once, after the last request.
    func close() async {
        for client in [direct] + proxied.values { try? await client.shutdown() }
    }

    /// An answer and the headers of the endpoint's own answer before any redirect.
    struct Answer {
        let status: HTTPResponseStatus
        let headers: HTTPHeaders
        /// Headers of the first answer: the Hub's digest and size stand there, not at the storage it points to.
        let firstHeaders: HTTPHeaders
        let body: HTTPClientResponse.Body
    }

    /// Sends a request below the endpoint.
    ///
    /// - Parameters:
    ///   - path: with a leading slash, escaped already.
    ///   - followsElsewhere: whether a redirect to another host is followed, or handed back.
    func send(
        _ method: HTTPMethod, path: String, range: Int? = nil, followsElsewhere: Bool = true
    ) async throws -> Answer {
        guard var url = URL(string: configuration.endpoint + path) else {
            throw HubError(.invalid, configuration.endpoint + path, "no URL")
        }
        var firstHeaders: HTTPHeaders?
        for _ in 0...HubSession.redirectLimit {
            let response = try await execute(method, url, range: range)
            let first = firstHeaders ?? response.headers
            firstHeaders = first
            let answer = Answer(
                status: response.status, headers: response.headers, firstHeaders: first, body: response.body)
            guard [301, 302, 303, 307, 308].contains(response.status.code),
                let location = response.headers.first(name: "location")
            else { return answer }
            guard let next = URL(string: location, relativeTo: url)?.absoluteURL, next.host != nil,
                next.scheme == "https" || (next.scheme == "http" && url.scheme == "http")
            else {
                throw HubError(
                    .protocolViolation, HubSession.display(url), "redirects to no http or https URL")
            }
            if !followsElsewhere && !isEndpoint(next) { return answer }
            url = next
        }
        throw HubError(
            .protocolViolation, configuration.endpoint + path,
            "more than \(HubSession.redirectLimit) redirects")
    }

    /// Repeats what fails because of the network or a busy server, waiting longer each time.
    func attempts<Result>(at subject: String, _ body: () async throws -> Result) async throws -> Result {
        var delay = configuration.retryDelay
        for attempt in 1..<max(configuration.attemptLimit, 1) {
            do {
                return try await body()
            } catch let error as HubError where error.code == .unavailable {
                logger.warning(
                    "Trying again",
                    metadata: ["subject": "\(subject)", "attempt": "\(attempt)", "error": "\(error.message)"])
                try await Task.sleep(for: delay)
                delay *= 2
            }
        }
        return try await body()
    }

    private func execute(_ method: HTTPMethod, _ url: URL, range: Int?) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url.absoluteString)
        request.method = method
        request.headers.add(name: "user-agent", value: "shoal")
        // Compressed bytes have another length and no digest.
        request.headers.add(name: "accept-encoding", value: "identity")
        if let range { request.headers.add(name: "range", value: "bytes=\(range)-") }
        if let token = configuration.token, isEndpoint(url) {
            request.headers.add(name: "authorization", value: "Bearer \(token)")
        }
        let isProxied = configuration.proxies.server(for: url) != nil
        let client = isProxied ? proxied[url.scheme ?? ""] ?? direct : direct
        do {
            return try await client.execute(request, timeout: .minutes(2))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw HubError(
                .unavailable, HubSession.display(url),
                "cannot be reached\(isProxied ? " through the proxy" : "") (\(error)); check the network, or set"
                    + " HF_HUB_OFFLINE=1 to use the cache alone")
        }
    }

    /// Whether a URL has scheme, host and port of the endpoint, so may see the token.
    private func isEndpoint(_ url: URL) -> Bool {
        url.scheme == endpoint.scheme && url.host?.lowercased() == endpoint.host?.lowercased()
            && url.port == endpoint.port
    }

    /// A URL for messages: without its query, where storages put signatures.
    static func display(_ url: URL) -> String {
        "\(url.scheme ?? "")://\(url.host ?? "")\(url.port.map { ":\($0)" } ?? "")\(url.path)"
    }
}
