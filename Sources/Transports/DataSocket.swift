public import WireProtocol
public import ZeroMQ

/// A reducer's ways to the others: a ROUTER of its own that the peers send to, and a DEALER towards each of them.
///
/// Belongs to its ``IOThread``. With CURVE only members of the roster are listened to: the connection's key must be
/// that of the participant a message says it is from. Without it everybody is who they say. Queues are bounded: a full one is reported to the sender,
/// a broken connection to both sides (`onPeer`), so that nothing is lost in silence.
public final class DataSocket {
    /// A member of the roster.
    public struct Peer: Sendable, Hashable {
        /// Participant id, as in ``Plan/Participant``.
        public var id: UInt32
        public var endpoint: String
        /// Its data socket's key; nil where the transport is plain.
        public var publicKey: CurvePublicKey?

        public init(id: UInt32, endpoint: String, publicKey: CurvePublicKey?) {
            self.id = id
            self.endpoint = endpoint
            self.publicKey = publicKey
        }
    }

    /// Who may connect to the socket, and with which keys it connects to the peers.
    public enum Security: Sendable {
        /// Unix sockets and inproc only.
        case localOnly
        /// TCP in the clear (`--insecure`).
        case insecure
        /// TCP with CURVE; the roster's keys are kept in `authenticator`'s domain `data`.
        case curve(keys: CurveKeys, authenticator: ZAPAuthenticator)
    }

    /// Called with each message of a peer.
    public var onMessage: (Envelope) -> Void = { _ in }
    /// Called when the connection towards a peer changes.
    public var onPeer: (UInt32, ControlClient.ConnectionEvent) -> Void = { _, _ in }
    /// Called when a peer to which a message met ``SendResult/wouldBlock`` takes messages again.
    public var onWritable: (UInt32) -> Void = { _ in }

    /// Where peers reach it, with what `*` stood for filled in (not the host: a wildcard address stays one).
    public let endpoint: String
    public private(set) var counts = TransportCounts()

    /// The authenticator's domain for data sockets.
    public static let domain = "data"
    /// Messages libzmq holds towards a peer, besides ``maximumPendingByteCount``.
    private static let queuedMessages = 32
    private static let messagesPerTurn = 64

    private let io: IOThread
    private let security: Security
    private let maximumPendingByteCount: Int
    /// Nil once closed.
    private var open: (socket: ZMQSocket, monitor: ZMQMonitor)?
    private var links: [UInt32: (peer: Peer, link: DealerLink)] = [:]
    /// Who may send: participant id by public key, for TCP with CURVE.
    private var idOfKey: [String: UInt32] = [:]
    private var refusedPeers: Set<UInt32> = []
    private let isAuthenticated: Bool

    /// - Parameter maximumPendingByteCount: what may wait towards one peer before sends are refused.
    /// - Throws: ``TransportError`` with code `.socket`, naming the endpoint, when it is in use or cannot be bound;
    ///   `.configuration` for TCP without keys.
    public init(
        _ io: IOThread, endpoint: String, security: Security, maximumPendingByteCount: Int = 256 << 20
    ) throws(TransportError) {
        self.io = io
        self.security = security
        self.maximumPendingByteCount = maximumPendingByteCount
        let server: ServerSecurity =
            switch security {
            case .localOnly: .localOnly
            case .insecure: .insecure
            case .curve(let keys, let authenticator):
                .curve(keys: keys, authenticator: authenticator, domain: Self.domain)
            }
        let serverOptions = try server.options(for: endpoint)
        isAuthenticated = serverOptions != .plain
        do {
            let socket = try ZMQSocket(io.context, .router, options: Self.options(serverOptions))
            let monitor = try ZMQMonitor(socket)
            self.endpoint = try socket.bind(endpoint)
            open = (socket, monitor)
            io.watch(monitor.socket) { [weak self] _ in self?.takeEvents(of: monitor) }
            io.watch(socket) { [weak self] _ in self?.takeMessages(of: socket) }
        } catch {
            throw TransportError(error)
        }
    }

    private static func options(_ security: ZMQSocketOptions.Security) -> ZMQSocketOptions {
        var options = ZMQSocketOptions(security: security)
        options.sendHighWaterMark = queuedMessages
        options.receiveHighWaterMark = queuedMessages
        options.maximumFrameByteCount = ControlSettings.workerFrameByteCount
        options.silenceLimit = ControlSettings.silenceLimit
        return options
    }

    // MARK: - The roster

    /// Connects to `peers`, and lets them and nobody else send. Peers that stay keep their connection and their
    /// queue; those that are gone lose both.
    ///
    /// - Throws: ``TransportError`` when an endpoint is none, or needs a key that is missing; the others of the roster
    ///   are set all the same.
    public func setPeers(_ peers: [Peer]) throws(TransportError) {
        let wanted = Dictionary(peers.map { ($0.id, $0) }) { first, _ in first }
        for (id, entry) in links where wanted[id] != entry.peer {
            entry.link.close(linger: .zero)
            links[id] = nil
            refusedPeers.remove(id)
        }
        idOfKey = [:]
        for peer in wanted.values { if let key = peer.publicKey { idOfKey[key.text] = peer.id } }
        if case .curve(_, let authenticator) = security {
            authenticator.setAllowed(Set(wanted.values.compactMap(\.publicKey)), domain: Self.domain)
        }
        var failure: TransportError?
        for peer in peers where links[peer.id] == nil {
            do {
                links[peer.id] = (peer, try makeLink(to: peer))
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private func makeLink(to peer: Peer) throws(TransportError) -> DealerLink {
        let client: ClientSecurity
        switch security {
        case .localOnly: client = .localOnly
        case .insecure: client = .insecure
        case .curve(let keys, _):
            if let key = peer.publicKey {
                client = .curve(keys: keys, serverKey: key)
            } else {
                // Right for a unix socket, an error for TCP.
                client = .localOnly
            }
        }
        let options = Self.options(try client.options(for: peer.endpoint))
        let link = try DealerLink(
            io, endpoint: peer.endpoint, options: options, maximumPendingByteCount: maximumPendingByteCount)
        let id = peer.id
        link.onEvent = { [weak self] event in self?.take(event, of: id) }
        link.onDrained = { [weak self] in
            if self?.refusedPeers.remove(id) != nil { self?.onWritable(id) }
        }
        return link
    }

    // MARK: - Sending

    /// Sends a message.
    public func send(_ envelope: Envelope, to peer: UInt32) -> SendResult {
        do {
            return handOver(try EnvelopeFrames.encode(envelope), to: peer)
        } catch {
            return .refused(error)
        }
    }

    private func handOver(_ message: EnvelopeFrames.Outgoing, to peer: UInt32) -> SendResult {
        guard let link = links[peer]?.link else { return .unreachable }
        guard link.send(message) else {
            refusedPeers.insert(peer)
            return .wouldBlock
        }
        counts.messagesSent += 1
        counts.bytesSent += message.byteCount
        return .sent
    }

    /// Bytes that wait towards `peer` in front of libzmq.
    public func pendingByteCount(to peer: UInt32) -> Int { links[peer]?.link.pendingByteCount ?? 0 }

    /// Ends all connections; what was sent may still be delivered for `linger`.
    public func close(linger: Duration = .seconds(1)) {
        for entry in links.values { entry.link.close(linger: linger) }
        links.removeAll()
        guard let (socket, monitor) = open else { return }
        open = nil
        io.unwatch(monitor.socket)
        io.unwatch(socket)
    }

    // MARK: - Receiving

    private func takeMessages(of socket: ZMQSocket) {
        for _ in 0..<Self.messagesPerTurn {
            guard open != nil, let frames = try? socket.receive() else { return }
            counts.bytesReceived += frames.dropFirst().reduce(0) { $0 + $1.byteCount }
            let key = isAuthenticated ? frames.last?.property("User-Id") : nil
            do {
                let envelope = try EnvelopeFrames.decode(frames.dropFirst())
                guard isFromPeer(envelope, key: key) else {
                    counts.strangers += 1
                    continue
                }
                counts.messagesReceived += 1
                onMessage(envelope)
            } catch {
                counts.malformed += 1
            }
        }
    }

    private func isFromPeer(_ envelope: Envelope, key: String?) -> Bool {
        // Without keys anybody could say to be a member, so nothing would be gained by dropping the chunk of a peer
        // that learnt of the new roster a moment before this one did: the plan decides what counts.
        guard isAuthenticated else { return true }
        guard let key, let id = idOfKey[key] else { return false }
        return id == envelope.header.sender
    }

    private func takeEvents(of monitor: ZMQMonitor) {
        while let event = try? monitor.receive() {
            switch event.kind {
            case .handshakeFailed: counts.handshakeFailures += 1
            case .denied: counts.denied += 1
            case .established, .disconnected, .retrying: break
            }
        }
    }

    private func take(_ event: ZMQMonitor.Event.Kind, of peer: UInt32) {
        switch event {
        case .established: onPeer(peer, .established)
        case .disconnected: onPeer(peer, .disconnected)
        case .denied: onPeer(peer, .denied)
        case .handshakeFailed: onPeer(peer, .handshakeFailed)
        case .retrying: onPeer(peer, .retrying)
        }
    }
}
