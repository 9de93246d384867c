import Foundation
import HTTPTypes
import Hummingbird
public import Logging
import Synchronization
public import WireProtocol

/// The coordinator's page, its JSON and its metrics over HTTP, for reading alone.
///
/// It shows no keys and takes no commands, but neither asks who is looking: the address is loopback unless somebody
/// says otherwise.
public final class DashboardServer: Sendable {
    /// What the page says that it is about.
    public struct Subject: Sendable, Encodable {
        /// The run's folder.
        public var name: String
        public var base: String
        public var method: String

        public init(name: String, base: String, method: String) {
            self.name = name
            self.base = base
            self.method = method
        }
    }

    private let page: RunPage
    private let feed: RunFeed
    private let subject: Subject
    private let status = Mutex<StatusReport?>(nil)
    private let task = Mutex<Task<Void, Never>?>(nil)
    private let isRunning = Mutex(true)

    /// - Parameters:
    ///   - readStatus: asks the coordinator; called each second on a thread of its own, nil while it does not answer.
    public init(
        subject: Subject, feed: RunFeed, readStatus: @escaping @Sendable () -> StatusReport?
    ) throws {
        page = try RunPage(subject: subject)
        self.feed = feed
        self.subject = subject
        let thread = Thread { [weak self] in
            while self?.isRunning.withLock({ $0 }) == true {
                if let report = readStatus() { self?.status.withLock { $0 = report } }
                Thread.sleep(forTimeInterval: 1)
            }
        }
        thread.name = "dashboard-status"
        thread.start()
    }

    /// Begins to answer.
    ///
    /// - Returns: the port, where `port` was 0 the one that was free.
    /// - Throws: ``DashboardError`` that says what is wrong with the address.
    public func start(host: String, port: Int, logger: Logger) async throws -> Int {
        let (ports, continuation) = AsyncThrowingStream<Int, any Error>.makeStream()
        let application = Application(
            router: router(),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), serverName: nil),
            onServerRunning: { continuation.yield($0.localAddress?.port ?? port) }, logger: Self.quiet(logger)
        )
        let running = Task {
            do {
                try await application.run()
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        do {
            for try await bound in ports {
                task.withLock { $0 = running }
                return bound
            }
        } catch {
            throw DashboardError(
                "nothing can listen on \(host):\(port) (\(error)); is the port taken? --http 127.0.0.1:0 takes a free one"
            )
        }
        throw DashboardError("the server on \(host):\(port) ended before it began")
    }

    /// Ends it.
    public func stop() {
        isRunning.withLock { $0 = false }
        task.withLock { $0?.cancel() }
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/") { [self] _, _ in
            Self.answer(page.html(feed.update(), status: latest), "text/html; charset=utf-8")
        }
        router.get("/content") { [self] _, _ in
            Self.answer(page.fragment(feed.update(), status: latest), "text/html; charset=utf-8")
        }
        router.get("/api/run") { [self] _, _ in
            Self.answer(
                try RunJSON(feed.update(), status: latest, subject: subject).text(),
                "application/json; charset=utf-8")
        }
        router.get("/metrics") { [self] _, _ in
            Self.answer(
                PrometheusText(feed.update(), status: latest).text, "text/plain; version=0.0.4; charset=utf-8"
            )
        }
        return router
    }

    private var latest: StatusReport? { status.withLock { $0 } }

    private static func answer(_ text: String, _ type: String) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
            + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// The run's log is not the place for requests.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = .critical
        return logger
    }
}

/// The page cannot be shown.
public struct DashboardError: Error, Equatable, CustomStringConvertible {
    public let message: String

    init(_ message: String) { self.message = message }

    public var description: String { message }
}
