import ArgumentParser
import Cluster
import Configurations
import Dashboard
import Foundation
import Logging
import Training
import WireProtocol

/// Where the run's page is.
struct DashboardOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Show the run as a page, with /metrics for Prometheus and /api/run as JSON; 127.0.0.1:0 takes a free port.",
            valueName: "HOST:PORT"))
    var http: String?

    func validate() throws { _ = try address }

    /// Starts the page of a run whose coordinator answers at a local endpoint; nil where none is asked for.
    ///
    /// - Parameter endpoint: an `ipc://` control endpoint of the coordinator, which may come into being later.
    func start(_ training: TrainingRun, endpoint: String, log: Logger) async throws -> DashboardServer? {
        guard let (host, port) = try address else { return nil }
        let configuration = training.setup.configuration
        let client = LazyStatusClient(endpoint: endpoint)
        let server = try DashboardServer(
            subject: .init(
                name: training.path, base: configuration.base, method: configuration.method.rawValue),
            feed: RunFeed(path: training.path), readStatus: { client.report() })
        let bound = try await server.start(host: host, port: port, logger: log)
        log.info("the run's page: http://\(host.contains(":") ? "[\(host)]" : host):\(bound)/")
        if !["127.0.0.1", "::1", "localhost"].contains(host) {
            log.warning("--http \(host): whoever reaches that address can look at the run")
        }
        return server
    }

    private var address: (host: String, port: Int)? {
        get throws {
            guard let http else { return nil }
            let colon = http.lastIndex(of: ":")
            let port = colon.flatMap { Int(http[http.index(after: $0)...]) }
            guard let colon, let port, (0...65535).contains(port), colon > http.startIndex else {
                throw ValidationError("--http is '\(http)', expected HOST:PORT, as 127.0.0.1:8080")
            }
            let host = http[..<colon]
            return (
                host.hasPrefix("[") && host.hasSuffix("]")
                    ? String(host.dropFirst().dropLast()) : String(host), port
            )
        }
    }
}

/// Asks a coordinator that may not listen yet.
private final class LazyStatusClient: @unchecked Sendable {
    // Safety: used on the dashboard's status thread alone.
    private let endpoint: String
    private var client: StatusClient?

    init(endpoint: String) { self.endpoint = endpoint }

    func report() -> StatusReport? {
        if client == nil { client = try? StatusClient(address: endpoint, security: .localOnly) }
        return try? client?.report(within: .seconds(2))
    }

    deinit { client?.close() }
}
