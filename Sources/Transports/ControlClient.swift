public import WireProtocol
import ZeroMQ

/// A worker's way to its coordinator: a DEALER that connects again by itself.
///
/// Belongs to its ``IOThread``. When the connection breaks, what still waits is dropped: it was meant for a coordinator
/// whose life may be over.
public final class ControlClient {
    /// What happened to the connection.
    public enum ConnectionEvent: Sendable, Equatable {
        /// Messages flow.
        case established
        /// It broke and is tried again; messages on the way are lost.
        case disconnected
        /// The coordinator does not admit this worker's key; tried again.
        case denied
        /// The other side is no coordinator, or keys or their use do not match; tried again.
        case handshakeFailed
        /// Nobody answers there; tried again.
        case retrying
    }

    /// Called with each message from the coordinator.
    public var onMessage: (Envelope) -> Void = { _ in }
    /// Called with each message that could not be understood; it is dropped.
    public var onMalformed: (WireProtocolError) -> Void = { _ in }
    /// Called when the connection changes.
    public var onConnection: (ConnectionEvent) -> Void = { _ in }
    /// Called when bulk that met ``SendResult/wouldBlock`` may be offered again.
    public var onWritable: () -> Void = {}

    public var isConnected: Bool { link.isEstablished }
    public private(set) var counts = TransportCounts()
    private let link: DealerLink
    private var hasRefusedBulk = false

    /// - Throws: ``TransportError`` with code `.socket` for an endpoint that is none, `.configuration` for TCP
    ///   without keys.
    public init(_ io: IOThread, endpoint: String, security: ClientSecurity) throws(TransportError) {
        var options = ControlSettings.options(security: try security.options(for: endpoint))
        options.sendHighWaterMark = ControlSettings.queuedMessages
        link = try DealerLink(
            io, endpoint: endpoint, options: options,
            maximumPendingByteCount: ControlSettings.pendingByteCount)
        link.onFrames = { [weak self] frames in self?.take(frames) }
        link.onEvent = { [weak self] event in self?.take(event) }
        link.onDrained = { [weak self] in self?.didDrain() }
    }

    /// Sends at once, or when the connection stands. A heartbeat is never kept for later.
    public func send(_ envelope: Envelope) -> SendResult {
        if case .heartbeat = envelope.body, !link.isEstablished || link.pendingCount > 0 {
            return .wouldBlock
        }
        if envelope.body.isBulk, link.pendingCount > 0 {
            hasRefusedBulk = true
            return .wouldBlock
        }
        do {
            let message = try EnvelopeFrames.encode(envelope)
            guard link.send(message) else { return .wouldBlock }
            counts.messagesSent += 1
            counts.bytesSent += message.byteCount
            return .sent
        } catch {
            return .refused(error)
        }
    }

    /// Ends the connection; what was sent may still be delivered for `linger`.
    public func close(linger: Duration = .seconds(1)) { link.close(linger: linger) }

    private func take(_ frames: [ZMQMessage]) {
        counts.bytesReceived += frames.reduce(0) { $0 + $1.byteCount }
        do {
            let envelope = try EnvelopeFrames.decode(frames[...])
            counts.messagesReceived += 1
            onMessage(envelope)
        } catch {
            counts.malformed += 1
            onMalformed(error)
        }
    }

    private func take(_ event: ZMQMonitor.Event.Kind) {
        switch event {
        case .established: onConnection(.established)
        case .disconnected:
            link.dropPending()
            onConnection(.disconnected)
        case .denied:
            counts.denied += 1
            onConnection(.denied)
        case .handshakeFailed:
            counts.handshakeFailures += 1
            onConnection(.handshakeFailed)
        case .retrying: onConnection(.retrying)
        }
    }

    private func didDrain() {
        guard hasRefusedBulk else { return }
        hasRefusedBulk = false
        onWritable()
    }
}

/// What both ends of a control connection agree on.
enum ControlSettings {
    /// Messages libzmq holds towards a peer. With chunks of 256 KiB a heartbeat waits behind 16 MiB at most, 0.13 s of
    /// gigabit Ethernet; and any message is a sign of life.
    static let queuedMessages = 64
    /// The largest frame a worker sends, a chunk of a state, and what CURVE adds: micro-batches go the other way. A
    /// connection may announce this much before anybody knows who it is.
    static let workerFrameByteCount = max(MessageLimits.chunkByteCount, MessageLimits.headByteCount) + 64
    /// What waits in front of libzmq towards a peer that takes nothing.
    static let pendingByteCount = 64 << 20

    /// Connections that died without a word (power, cable) end then, though the application's own heartbeats see it
    /// earlier.
    static let silenceLimit = Duration.seconds(20)

    static func options(security: ZMQSocketOptions.Security) -> ZMQSocketOptions {
        var options = ZMQSocketOptions(security: security)
        options.receiveHighWaterMark = queuedMessages
        options.maximumFrameByteCount = MessageLimits.payloadFrameByteCount
        options.silenceLimit = silenceLimit
        return options
    }
}
