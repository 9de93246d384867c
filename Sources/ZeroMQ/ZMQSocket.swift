import CZMQ
import Glibc

/// One socket, confined to the thread that uses it.
///
/// "ØMQ sockets are not thread safe. Applications MUST NOT use a socket from multiple threads except after
/// migrating a socket from one thread to another with a "full fence" memory barrier." (zmq_socket(3)). The class
/// is not Sendable, so the compiler keeps it where it was made; ``ZMQWaker`` holds the one socket that is shared,
/// inside a lock. All operations return at once: nothing here blocks.
@safe public final class ZMQSocket {
    public enum Kind: Sendable {
        case pair, request, reply, dealer, router

        var value: Int32 {
            switch self {
            case .pair: ZMQ_PAIR
            case .request: ZMQ_REQ
            case .reply: ZMQ_REP
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            }
        }
    }

    /// What became of a message that was to be sent.
    public enum SendResult: Sendable, Equatable {
        case sent
        /// The queue towards the peer is full, or there is no peer yet; nothing was sent.
        case wouldBlock
        /// ROUTER: no such peer; nothing was sent.
        case unreachable
    }

    let handle: UnsafeMutableRawPointer
    /// Kept so that the context outlives its sockets.
    let context: ZMQContext
    public let kind: Kind

    public init(_ context: ZMQContext, _ kind: Kind, options: ZMQSocketOptions = .init()) throws(ZMQError) {
        guard let handle = unsafe zmq_socket(context.handle, kind.value) else {
            throw .last("making a ZeroMQ socket")
        }
        unsafe self.handle = handle
        self.context = context
        self.kind = kind
        try apply(options)
    }

    deinit { unsafe _ = zmq_close(handle) }

    // MARK: - Endpoints

    /// Listens on `endpoint` and returns it with what `*` stood for filled in.
    ///
    /// - Throws: ``ZMQError`` with code `.addressInUse`, `.pathTooLong` … naming the endpoint.
    @discardableResult
    public func bind(_ endpoint: String) throws(ZMQError) -> String {
        try IPCPath.checkLength(of: endpoint)
        try IPCPath.checkUnused(endpoint)
        try checkPort(of: endpoint, mayBeAny: true)
        if endpoint.contains("[") { try set(ZMQ_IPV6, Int32(1), "IPv6") }
        guard unsafe zmq_bind(handle, endpoint) == 0 else { throw .last("listening", subject: endpoint) }
        let bound = try lastEndpoint()
        try IPCPath.closeToOthers(bound)
        return bound
    }

    /// Connects in the background, again and again until it succeeds.
    public func connect(_ endpoint: String) throws(ZMQError) {
        try IPCPath.checkLength(of: endpoint)
        try checkPort(of: endpoint, mayBeAny: false)
        if endpoint.contains("[") { try set(ZMQ_IPV6, Int32(1), "IPv6") }
        guard unsafe zmq_connect(handle, endpoint) == 0 else { throw .last("connecting", subject: endpoint) }
    }

    /// Ends a connection; messages that wait for it are dropped when the linger is zero.
    public func disconnect(_ endpoint: String) throws(ZMQError) {
        guard unsafe zmq_disconnect(handle, endpoint) == 0 else {
            throw .last("disconnecting", subject: endpoint)
        }
    }

    /// Changes how long undelivered messages are kept once the socket is released.
    public func setLinger(_ duration: Duration) throws(ZMQError) {
        try set(ZMQ_LINGER, duration.wholeMilliseconds, "linger")
    }

    /// libzmq takes a port modulo 65536.
    private func checkPort(of endpoint: String, mayBeAny: Bool) throws(ZMQError) {
        guard endpoint.hasPrefix("tcp://") else { return }
        let port = endpoint.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
        if mayBeAny, port == "*" { return }
        guard let number = UInt16(port), mayBeAny || number > 0 else {
            throw ZMQError(
                .invalidEndpoint,
                "\(endpoint): '\(port)' is no port; write tcp://HOST:PORT with a port from 1 to 65535",
                subject: endpoint)
        }
    }

    private func lastEndpoint() throws(ZMQError) -> String {
        // An ipc path has at most 107 bytes, a TCP endpoint far fewer.
        var text = [CChar](repeating: 0, count: 256)
        var byteCount = text.count
        guard unsafe zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &byteCount) == 0 else {
            throw .last("reading an endpoint")
        }
        return String(
            decoding: text.prefix(max(byteCount - 1, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    // MARK: - Messages

    /// Sends one frame, which is empty afterwards if it was taken.
    ///
    /// Frames of one message go out or are refused as a whole: only the first can be refused.
    public func send(_ message: ZMQMessage, more: Bool = false) throws(ZMQError) -> SendResult {
        let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
        while unsafe zmq_msg_send(message.handle, handle, flags) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            case EHOSTUNREACH: return .unreachable
            default: throw .last("sending")
            }
        }
        return .sent
    }

    /// Sends all of `frames` as one message, or none of it.
    public func send(_ frames: [ZMQMessage]) throws(ZMQError) -> SendResult {
        for (index, frame) in frames.enumerated() {
            let result = try send(frame, more: index + 1 < frames.count)
            guard result == .sent else { return result }
        }
        return .sent
    }

    /// Copies and sends all of `frames` as one message, or none of it.
    public func send(_ frames: [[UInt8]]) throws(ZMQError) -> SendResult {
        var messages: [ZMQMessage] = []
        messages.reserveCapacity(frames.count)
        for frame in frames { messages.append(try ZMQMessage(frame)) }
        return try send(messages)
    }

    /// All frames of the next message; nil when none waits.
    public func receive() throws(ZMQError) -> [ZMQMessage]? {
        guard let first = try receiveFrame() else { return nil }
        var frames = [first]
        while frames[frames.count - 1].hasMore {
            // libzmq delivers a message's frames together, so the next one is there.
            guard let next = try receiveFrame() else { return frames }
            frames.append(next)
        }
        return frames
    }

    private func receiveFrame() throws(ZMQError) -> ZMQMessage? {
        let message = ZMQMessage()
        while unsafe zmq_msg_recv(message.handle, handle, ZMQ_DONTWAIT) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw .last("receiving")
            }
        }
        return message
    }
}
