import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on 127.0.0.1 that answers from a closure and remembers what it was asked.
final class StubServer: Sendable {
    /// A request as it came.
    struct Request: Sendable {
        let method: HTTPMethod
        /// Path and query, still escaped.
        let uri: String
        let headers: HTTPHeaders
    }

    /// An answer. `cutAfter` closes the connection after so many bytes of the body.
    struct Answer: Sendable {
        var status = HTTPResponseStatus.ok
        var headers: HTTPHeaders = [:]
        var body: [UInt8] = []
        var cutAfter: Int?
    }

    private let channel: any Channel
    private let log: RequestLog

    /// Starts a server on a free port.
    init(answer: @escaping @Sendable (Request) -> Answer) async throws {
        let log = RequestLog()
        self.log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(StubHandler(log: log, answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { log.requests.withLock { $0 } }

    func stop() async { try? await channel.close() }
}

private final class RequestLog: Sendable {
    let requests = Mutex<[StubServer.Request]>([])
}

private final class StubHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let log: RequestLog
    private let answer: @Sendable (StubServer.Request) -> StubServer.Answer
    private var request: StubServer.Request?

    init(log: RequestLog, answer: @escaping @Sendable (StubServer.Request) -> StubServer.Answer) {
        self.log = log
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request = .init(method: head.method, uri: head.uri, headers: head.headers)
        case .body: break
        case .end:
            guard let request else { return }
            log.requests.withLock { $0.append(request) }
            respond(answer(request), to: request, context)
        }
    }

    private func respond(
        _ answer: StubServer.Answer, to request: StubServer.Request, _ context: ChannelHandlerContext
    ) {
        var headers = answer.headers
        if !headers.contains(name: "content-length") {
            headers.add(name: "content-length", value: String(answer.body.count))
        }
        context.write(
            wrapOutboundOut(.head(.init(version: .http1_1, status: answer.status, headers: headers))),
            promise: nil)
        if request.method != .HEAD {
            let sent = answer.body.prefix(answer.cutAfter ?? answer.body.count)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: sent)))), promise: nil)
        }
        if answer.cutAfter != nil {
            let channel = context.channel
            context.flush()
            channel.eventLoop.execute { channel.close(promise: nil) }
        } else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
