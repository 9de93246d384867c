import CZMQ
import Glibc

extension ZMQSocket {
    func apply(_ options: ZMQSocketOptions) throws(ZMQError) {
        try set(ZMQ_LINGER, milliseconds(options.linger), "linger")
        try set(ZMQ_SNDHWM, Int32(clamping: options.sendHighWaterMark), "send high-water mark")
        try set(ZMQ_RCVHWM, Int32(clamping: options.receiveHighWaterMark), "receive high-water mark")
        try set(ZMQ_MAXMSGSIZE, Int64(options.maximumFrameByteCount), "maximum frame length")
        try set(ZMQ_HANDSHAKE_IVL, milliseconds(options.handshakeTimeout), "handshake timeout")
        try set(ZMQ_RECONNECT_IVL, milliseconds(options.reconnectInterval), "reconnect interval")
        try set(ZMQ_RECONNECT_IVL_MAX, milliseconds(options.reconnectMaximum), "reconnect maximum")
        try set(ZMQ_CONNECT_TIMEOUT, milliseconds(options.connectTimeout), "connect timeout")
        // Three probes, the first after a quarter of the limit; TCP_USER_TIMEOUT for what waits to be acknowledged.
        let quarter = max(milliseconds(options.silenceLimit) / 4000, 1)
        try set(ZMQ_TCP_KEEPALIVE, Int32(1), "TCP keep-alive")
        try set(ZMQ_TCP_KEEPALIVE_IDLE, quarter, "TCP keep-alive")
        try set(ZMQ_TCP_KEEPALIVE_INTVL, quarter, "TCP keep-alive")
        try set(ZMQ_TCP_KEEPALIVE_CNT, Int32(3), "TCP keep-alive")
        try set(ZMQ_TCP_MAXRT, milliseconds(options.silenceLimit), "TCP user timeout")
        if kind == .router {
            try set(ZMQ_ROUTER_MANDATORY, Int32(options.routerMandatory ? 1 : 0), "mandatory routing")
            try set(ZMQ_ROUTER_HANDOVER, Int32(options.routerHandover ? 1 : 0), "handover")
        }
        if options.immediate { try set(ZMQ_IMMEDIATE, Int32(1), "immediate") }
        if let routingID = options.routingID { try set(ZMQ_ROUTING_ID, bytes: routingID, "routing id") }
        // Only this user may connect through a unix socket.
        try set(ZMQ_IPC_FILTER_UID, Int32(bitPattern: geteuid()), "ipc user filter")
        try apply(options.security)
    }

    private func apply(_ security: ZMQSocketOptions.Security) throws(ZMQError) {
        switch security {
        case .plain: return
        case .curveServer(let keys, let domain):
            try set(ZMQ_CURVE_SERVER, Int32(1), "CURVE")
            try set(ZMQ_CURVE_SECRETKEY, bytes: keys.secretBytes(), "CURVE secret key")
            try set(ZMQ_ZAP_DOMAIN, bytes: Array(domain.utf8), "ZAP domain")
            // Without this a server whose authenticator is gone lets everyone in.
            try set(CZMQ_ZAP_ENFORCE_DOMAIN, Int32(1), "ZAP enforcement")
        case .curveClient(let keys, let serverKey):
            try set(ZMQ_CURVE_SERVERKEY, bytes: serverKey.bytes(), "CURVE server key")
            try set(ZMQ_CURVE_PUBLICKEY, bytes: keys.publicKey.bytes(), "CURVE public key")
            try set(ZMQ_CURVE_SECRETKEY, bytes: keys.secretBytes(), "CURVE secret key")
        }
    }

    func set(_ option: Int32, _ value: Int32, _ name: String) throws(ZMQError) {
        var value = value
        guard unsafe zmq_setsockopt(handle, option, &value, MemoryLayout<Int32>.size) == 0 else {
            throw .last("setting \(name) to \(value)")
        }
    }

    private func set(_ option: Int32, _ value: Int64, _ name: String) throws(ZMQError) {
        var value = value
        guard unsafe zmq_setsockopt(handle, option, &value, MemoryLayout<Int64>.size) == 0 else {
            throw .last("setting \(name) to \(value)")
        }
    }

    private func set(_ option: Int32, bytes: [UInt8], _ name: String) throws(ZMQError) {
        // The value stays out of the message: it may be a secret key.
        guard unsafe zmq_setsockopt(handle, option, bytes, bytes.count) == 0 else {
            throw .last("setting the \(name)")
        }
    }

    private func milliseconds(_ duration: Duration) -> Int32 { duration.wholeMilliseconds }
}

extension Duration {
    /// Rounded up, at least 0, so that a short wait is not a busy one.
    var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < Int64(Int32.max / 1000) else { return Int32.max }
        let roundedUp = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(clamping: max(seconds * 1000 + roundedUp, 0))
    }
}
