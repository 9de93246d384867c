import CZMQ

/// Tells what happens to the connections of one socket: established, lost, turned away.
///
/// Belongs to the socket's thread, which polls ``socket`` and calls ``receive()`` when it is readable.
public final class ZMQMonitor {
    /// What happened to a connection. `endpoint` is the address libzmq names, e.g. `tcp://10.0.0.3:40111`.
    public struct Event: Sendable, Equatable {
        public enum Kind: Sendable, Equatable {
            /// Connected and, with CURVE, authenticated: messages flow.
            case established
            /// A connection that stood is gone.
            case disconnected
            /// The other side is no ZeroMQ peer, has no or another mechanism, or the wrong server key.
            case handshakeFailed
            /// The authenticator turned the other side's key away.
            case denied
            /// An attempt to connect failed and will be made again.
            case retrying
        }
        public var kind: Kind
        public var endpoint: String
        /// The connection's file descriptor; nil unless `kind` is `.disconnected`. It may be in use again by now.
        public var descriptor: Int32?
    }

    /// Readable when ``receive()`` has something.
    public let socket: ZMQSocket
    private let watched: ZMQSocket

    public init(_ watched: ZMQSocket) throws(ZMQError) {
        let endpoint = "inproc://monitor-\(UInt64.random(in: .min ... .max))"
        let events =
            ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED
            | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
        guard unsafe zmq_socket_monitor(watched.handle, endpoint, events) == 0 else {
            throw .last("watching a socket")
        }
        // libzmq's own threads wait for room for their events; without a limit there always is.
        var options = ZMQSocketOptions()
        options.receiveHighWaterMark = 0
        socket = try ZMQSocket(watched.context, .pair, options: options)
        self.watched = watched
        try socket.connect(endpoint)
    }

    // Before `socket` closes, for libzmq would wait for a listener that is gone.
    deinit { unsafe _ = zmq_socket_monitor(watched.handle, nil, 0) }

    /// The next event; nil when none waits.
    public func receive() throws(ZMQError) -> Event? {
        while let frames = try socket.receive() {
            // Frame 0: event number (16 bits) and value (32 bits) in the machine's order; frame 1: the address.
            let head = frames[0].toArray()
            guard head.count == 6, frames.count == 2 else { continue }
            let number = Int32(UInt16(head[0]) | UInt16(head[1]) << 8)
            guard let kind = Self.kind(of: number) else { continue }
            let value = head[2...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return Event(
                kind: kind, endpoint: String(decoding: frames[1].toArray(), as: UTF8.self),
                descriptor: kind == .disconnected ? Int32(bitPattern: value) : nil)
        }
        return nil
    }

    private static func kind(of number: Int32) -> Event.Kind? {
        switch number {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: .established
        case ZMQ_EVENT_DISCONNECTED: .disconnected
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: .handshakeFailed
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: .denied
        case ZMQ_EVENT_CONNECT_RETRIED: .retrying
        default: nil
        }
    }
}
