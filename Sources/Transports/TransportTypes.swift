public import WireProtocol

/// What became of a message that was to be sent. Sends never wait.
public enum SendResult: Sendable, Equatable {
    /// On its way, or in the queue towards a peer that takes messages.
    case sent
    /// The queue is full; nothing was sent. Bulk (``Envelope/Body/isBulk``) meets this in normal use and is
    /// offered again later; for other messages it means that the peer has taken nothing for long.
    case wouldBlock
    /// No such peer, or not any more; nothing was sent.
    case unreachable
    /// Against the protocol's rules, so the other side would drop it; nothing was sent.
    case refused(WireProtocolError)
}

/// One connection to a server, as long as it lasts. A peer that connects again is another one.
public struct PeerIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Which of the server's sockets.
    let socket: Int
    /// What the ROUTER calls it.
    let routingID: [UInt8]

    package init(socket: Int, routingID: [UInt8]) {
        self.socket = socket
        self.routingID = routingID
    }

    public var description: String {
        routingID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "@\(socket)"
    }
}

/// What a transport has carried and turned away so far.
public struct TransportCounts: Sendable, Equatable {
    public var messagesSent = 0
    public var messagesReceived = 0
    /// Frames' lengths, without what ZeroMQ, TCP and encryption add.
    public var bytesSent = 0
    public var bytesReceived = 0
    /// Messages dropped because they could not be understood.
    public var malformed = 0
    /// Messages dropped because their sender is not who it says, or not in the roster.
    public var strangers = 0
    /// Connections that failed in the handshake: no ZeroMQ, no CURVE, the wrong server key.
    public var handshakeFailures = 0
    /// Connections whose key was not admitted.
    public var denied = 0

    public init() {}

    /// Messages of all kinds that were dropped.
    public var messagesDropped: Int { malformed + strangers }
    /// Connections of all kinds that were turned away.
    public var connectionsRefused: Int { handshakeFailures + denied }

    /// What two sockets have carried together.
    public static func + (left: TransportCounts, right: TransportCounts) -> TransportCounts {
        var sum = left
        sum.messagesSent += right.messagesSent
        sum.messagesReceived += right.messagesReceived
        sum.bytesSent += right.bytesSent
        sum.bytesReceived += right.bytesReceived
        sum.malformed += right.malformed
        sum.strangers += right.strangers
        sum.handshakeFailures += right.handshakeFailures
        sum.denied += right.denied
        return sum
    }
}

extension Envelope.Body {
    /// True for pieces of a state or of the base. Their number is large, so they wait for room instead of filling the queue in
    /// which heartbeats stand.
    public var isBulk: Bool {
        switch self {
        case .stateChunk, .baseChunk: true
        default: false
        }
    }
}
