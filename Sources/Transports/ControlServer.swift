public import WireProtocol
import ZeroMQ

/// The coordinator's side of the control connections: a ROUTER bound to one or several endpoints.
///
/// Belongs to its ``IOThread``. Messages that cannot be understood are dropped and counted; nothing a peer
/// sends ends the server.
public final class ControlServer {
    /// Called with each message and where it came from.
    public var onMessage: (PeerIdentity, Envelope) -> Void = { _, _ in }
    /// Called with each message that could not be understood (for instance of another version); it is dropped.
    public var onMalformed: (PeerIdentity, WireProtocolError) -> Void = { _, _ in }
    /// Called when the connection of a peer that has sent something is gone. Not for inproc.
    public var onDisconnect: (PeerIdentity) -> Void = { _ in }
    /// Called when bulk that met ``SendResult/wouldBlock`` may be offered again.
    public var onWritable: (PeerIdentity) -> Void = { _ in }

    /// Where it listens, with what `*` stood for filled in.
    public private(set) var endpoints: [String] = []
    public private(set) var counts = TransportCounts()

    private let io: IOThread
    /// TCP and local endpoints have sockets of their own, since CURVE is a property of the socket.
    private var sockets: [(socket: ZMQSocket, monitor: ZMQMonitor)] = []
    /// Keeps the server closed to strangers for as long as it stands.
    private let security: ServerSecurity
    private var connections = ConnectionTable()
    private var overflow: [PeerIdentity: Overflow] = [:]
    private var overflowTimer: IOThread.Timer?

    /// Messages for a peer whose queue in libzmq is full.
    private struct Overflow {
        var messages: [EnvelopeFrames.Outgoing] = []
        var byteCount = 0
        var hasRefusedBulk = false
    }

    private static let messagesPerTurn = 64
    private static let overflowInterval = Duration.milliseconds(5)

    /// - Parameter endpoints: `tcp://HOST:PORT`, `ipc://PATH`, `inproc://NAME`; a port `*` takes a free one.
    /// - Throws: ``TransportError`` with code `.socket`, naming the endpoint, when one is in use or cannot be bound;
    ///   `.configuration` for TCP without keys.
    public init(_ io: IOThread, endpoints: [String], security: ServerSecurity) throws(TransportError) {
        self.io = io
        self.security = security
        guard !endpoints.isEmpty else {
            throw TransportError(.configuration, "a control server without endpoints")
        }
        do {
            let remote = endpoints.filter { $0.hasPrefix("tcp://") }
            for group in [remote, endpoints.filter { !$0.hasPrefix("tcp://") }] {
                guard let first = group.first else { continue }
                var options = ControlSettings.options(security: try security.options(for: first))
                options.maximumFrameByteCount = ControlSettings.workerFrameByteCount
                options.sendHighWaterMark = ControlSettings.queuedMessages
                let socket = try ZMQSocket(io.context, .router, options: options)
                let monitor = try ZMQMonitor(socket)
                for endpoint in group { self.endpoints.append(try socket.bind(endpoint)) }
                sockets.append((socket, monitor))
            }
        } catch let error as TransportError {
            throw error
        } catch let error as ZMQError {
            throw TransportError(error)
        } catch {
            throw TransportError(.socket, "\(error)")
        }
        for (index, (socket, monitor)) in sockets.enumerated() {
            // Before the socket, so that a descriptor's old connection ends before its next one speaks.
            io.watch(monitor.socket) { [weak self] _ in self?.takeEvents(of: monitor, index) }
            io.watch(socket) { [weak self] _ in self?.takeMessages(of: socket, index) }
        }
    }

    /// Sends to a peer that has been heard.
    public func send(_ envelope: Envelope, to peer: PeerIdentity) -> SendResult {
        if envelope.body.isBulk, overflow[peer] != nil {
            overflow[peer]?.hasRefusedBulk = true
            return .wouldBlock
        }
        do {
            let message = try EnvelopeFrames.encode(envelope)
            let result = overflow[peer] == nil ? handOver(message, to: peer) : .wouldBlock
            switch result {
            case .sent: break
            case .unreachable: return .unreachable
            case .wouldBlock:
                var waiting = overflow[peer] ?? Overflow()
                if envelope.body.isBulk {
                    waiting.hasRefusedBulk = true
                    overflow[peer] = waiting
                    scheduleOverflow()
                    return .wouldBlock
                }
                guard waiting.byteCount + message.byteCount <= ControlSettings.pendingByteCount else {
                    return .wouldBlock
                }
                waiting.messages.append(message)
                waiting.byteCount += message.byteCount
                overflow[peer] = waiting
                scheduleOverflow()
            }
            counts.messagesSent += 1
            counts.bytesSent += message.byteCount
            return .sent
        } catch {
            return .refused(error)
        }
    }

    /// Stops listening; what was sent may still be delivered for `linger`.
    public func close(linger: Duration = .seconds(1)) {
        flushOverflow()
        overflowTimer.map { io.cancel($0) }
        overflowTimer = nil
        overflow.removeAll()
        for (socket, monitor) in sockets {
            io.unwatch(monitor.socket)
            io.unwatch(socket)
            // Fails only for a socket that is closed already.
            try? socket.setLinger(linger)
        }
        sockets.removeAll()
    }

    // MARK: - Sockets

    private func handOver(_ message: EnvelopeFrames.Outgoing, to peer: PeerIdentity) -> ZMQSocket.SendResult {
        guard peer.socket < sockets.count, let identity = try? ZMQMessage(peer.routingID) else {
            return .unreachable
        }
        // What else libzmq reports here means that the peer cannot be reached.
        return (try? sockets[peer.socket].socket.send([identity] + message.frames)) ?? .unreachable
    }

    private func takeMessages(of socket: ZMQSocket, _ index: Int) {
        for _ in 0..<Self.messagesPerTurn {
            guard !sockets.isEmpty, let frames = try? socket.receive() else { return }
            let peer = PeerIdentity(socket: index, routingID: frames[0].toArray())
            if let previous = connections.note(peer, descriptor: frames.last?.sourceDescriptor) {
                forget(previous)
            }
            counts.bytesReceived += frames.dropFirst().reduce(0) { $0 + $1.byteCount }
            do {
                let envelope = try EnvelopeFrames.decode(frames.dropFirst())
                counts.messagesReceived += 1
                onMessage(peer, envelope)
            } catch {
                counts.malformed += 1
                onMalformed(peer, error)
            }
        }
    }

    private func takeEvents(of monitor: ZMQMonitor, _ index: Int) {
        while !sockets.isEmpty, let event = try? monitor.receive() {
            switch event.kind {
            case .disconnected:
                if let descriptor = event.descriptor,
                    let peer = connections.remove(descriptor: descriptor, socket: index)
                {
                    forget(peer)
                }
            case .handshakeFailed: counts.handshakeFailures += 1
            case .denied: counts.denied += 1
            case .established, .retrying: break
            }
        }
    }

    private func forget(_ peer: PeerIdentity) {
        overflow[peer] = nil
        onDisconnect(peer)
    }

    // MARK: - Overflow

    /// libzmq does not tell when a ROUTER has room for one peer again, so it is asked now and then.
    private func scheduleOverflow() {
        guard overflowTimer == nil else { return }
        overflowTimer = io.schedule(after: Self.overflowInterval) { [weak self] in
            guard let self else { return }
            overflowTimer = nil
            flushOverflow()
            if !overflow.isEmpty { scheduleOverflow() }
        }
    }

    private func flushOverflow() {
        for (peer, waiting) in overflow {
            var sent = 0
            var isUnreachable = false
            for message in waiting.messages {
                let result = handOver(message, to: peer)
                isUnreachable = result == .unreachable
                guard result == .sent else { break }
                sent += 1
            }
            if isUnreachable {
                overflow[peer] = nil
            } else if sent == waiting.messages.count {
                overflow[peer] = nil
                if waiting.hasRefusedBulk { onWritable(peer) }
            } else {
                overflow[peer]?.messages.removeFirst(sent)
                overflow[peer]?.byteCount -= waiting.messages[..<sent].reduce(0) { $0 + $1.byteCount }
            }
        }
    }
}
