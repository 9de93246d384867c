/// How a socket behaves; applied once, before it binds or connects.
public struct ZMQSocketOptions: Sendable, Equatable {
    /// Who may talk through a TCP socket. libzmq applies it to ipc as well, and ignores it for inproc.
    public enum Security: Sendable, Equatable {
        /// In the clear, open to whoever reaches the endpoint.
        case plain
        /// CURVE; peers must know `keys.publicKey`, and their own key must be allowed in `domain` by the
        /// context's ``ZAPAuthenticator``. Without an authenticator nobody is let in.
        case curveServer(keys: CurveKeys, domain: String)
        /// CURVE towards the server whose public key is `serverKey`.
        case curveClient(keys: CurveKeys, serverKey: CurvePublicKey)
    }

    public var security: Security = .plain
    /// How long an ended socket keeps undelivered messages.
    public var linger: Duration = .zero
    /// Messages that may wait towards one peer; 0 is no limit.
    public var sendHighWaterMark = 1000
    /// Messages that may wait from one peer; 0 is no limit.
    public var receiveHighWaterMark = 1000
    /// The longest frame taken from a peer; one that announces more is disconnected before anything is allocated.
    public var maximumFrameByteCount = 64 << 20
    /// ROUTER: a message to an unknown peer is an error rather than dropped.
    public var routerMandatory = true
    /// ROUTER: a newcomer with the routing id of a connected peer takes its place.
    public var routerHandover = false
    /// DEALER: messages wait only for connections that stand, not for those in the making.
    public var immediate = false
    /// How the other side's ROUTER names this socket; 1...255 bytes, not starting with 0. Nil lets it choose.
    public var routingID: [UInt8]?
    /// A TCP connection whose other host answers nothing for so long is closed: the kernel sees to it, by keep-alive probes
    /// where nothing is under way. ZMTP's own pings are not used: libzmq 4.3.4 ends the process with a failed assertion
    /// when one is due on a connection that its peer has closed and whose messages nobody took, as happens in a process
    /// that was stopped for a while.
    public var silenceLimit = Duration.seconds(60)
    /// A connection whose handshake takes longer is closed.
    public var handshakeTimeout: Duration = .seconds(10)
    /// Wait before a lost connection is tried again; doubles up to `reconnectMaximum`.
    public var reconnectInterval: Duration = .milliseconds(100)
    public var reconnectMaximum: Duration = .seconds(2)
    /// An attempt to connect is given up after so long, and tried again.
    public var connectTimeout: Duration = .seconds(5)

    public init(security: Security = .plain) { self.security = security }
}
