import ZeroMQ

/// One DEALER and its connection: a bounded queue in front of it, word of what happens to the connection, and a new
/// attempt when the other side turned it away.
///
/// libzmq reconnects a connection that broke, but gives up for good one that was refused in the handshake. A peer that
/// has not been told of this one yet refuses it, so that is tried again too. Messages are handed to libzmq
/// only while the connection stands (`immediate`); until then they wait here.
final class DealerLink {
    /// Called with each message received.
    var onFrames: ([ZMQMessage]) -> Void = { _ in }
    /// Called when the connection changes.
    var onEvent: (ZMQMonitor.Event.Kind) -> Void = { _ in }
    /// Called when all that waited has been handed to libzmq.
    var onDrained: () -> Void = {}

    let endpoint: String
    /// Messages flow: the handshake has succeeded, and the connection has not broken since.
    private(set) var isEstablished = false
    /// Waiting here, not counting what libzmq holds.
    private(set) var pendingByteCount = 0
    var pendingCount: Int { pending.count - firstPending }

    private let io: IOThread
    private let options: ZMQSocketOptions
    private let maximumPendingByteCount: Int
    private var open: (socket: ZMQSocket, monitor: ZMQMonitor)?
    private var pending: [EnvelopeFrames.Outgoing?] = []
    private var firstPending = 0
    private var retryDelay = DealerLink.shortestRetry
    private var retryTimer: IOThread.Timer?

    private static let shortestRetry = Duration.milliseconds(20)
    private static let longestRetry = Duration.seconds(2)
    /// Messages taken in one turn, so that one connection does not starve the others.
    private static let messagesPerTurn = 64

    /// - Throws: ``TransportError`` when the endpoint is none.
    init(
        _ io: IOThread, endpoint: String, options: ZMQSocketOptions, maximumPendingByteCount: Int
    ) throws(TransportError) {
        self.io = io
        self.endpoint = endpoint
        self.options = options
        self.maximumPendingByteCount = maximumPendingByteCount
        do {
            try connect()
        } catch {
            throw TransportError(error)
        }
    }

    /// Sends `message`, or queues it.
    ///
    /// - Returns: false when the queue is full; `message` is not taken then.
    func send(_ message: EnvelopeFrames.Outgoing) -> Bool {
        guard pendingCount == 0 || pendingByteCount + message.byteCount <= maximumPendingByteCount else {
            return false
        }
        if pendingCount == 0, let socket = open?.socket, (try? socket.send(message.frames)) == .sent {
            return true
        }
        pending.append(message)
        pendingByteCount += message.byteCount
        if let socket = open?.socket { io.setInterest([.readable, .writable], of: socket) }
        return true
    }

    /// Forgets what waits.
    func dropPending() {
        pending.removeAll()
        firstPending = 0
        pendingByteCount = 0
        if let socket = open?.socket { io.setInterest(.readable, of: socket) }
    }

    /// Ends the connection; libzmq delivers what it holds for at most `linger`.
    func close(linger: Duration) {
        retryTimer.map { io.cancel($0) }
        retryTimer = nil
        flush()
        disconnect(linger: linger)
        pending.removeAll()
        onFrames = { _ in }
        onEvent = { _ in }
        onDrained = {}
    }

    // MARK: - The socket

    private func connect() throws(ZMQError) {
        var options = options
        options.immediate = true
        let socket = try ZMQSocket(io.context, .dealer, options: options)
        let monitor = try ZMQMonitor(socket)
        try socket.connect(endpoint)
        open = (socket, monitor)
        // libzmq tells nothing about inproc connections, which cannot fail.
        if endpoint.hasPrefix("inproc://") { isEstablished = true }
        io.watch(monitor.socket) { [weak self] _ in self?.takeEvents(of: monitor) }
        io.watch(socket, for: pendingCount == 0 ? .readable : [.readable, .writable]) { [weak self] ready in
            if ready.contains(.writable) { self?.flush() }
            if ready.contains(.readable) { self?.takeMessages(of: socket) }
        }
    }

    private func disconnect(linger: Duration) {
        guard let (socket, monitor) = open else { return }
        open = nil
        isEstablished = false
        io.unwatch(monitor.socket)
        io.unwatch(socket)
        // Fails only for a socket that is closed already.
        try? socket.setLinger(linger)
    }

    private func flush() {
        guard let socket = open?.socket, pendingCount > 0 else { return }
        while firstPending < pending.count, let message = pending[firstPending] {
            guard (try? socket.send(message.frames)) == .sent else { break }
            pendingByteCount -= message.byteCount
            pending[firstPending] = nil
            firstPending += 1
        }
        if firstPending == pending.count {
            pending.removeAll(keepingCapacity: true)
            firstPending = 0
            io.setInterest(.readable, of: socket)
            onDrained()
        } else if firstPending > 1024 {
            pending.removeFirst(firstPending)
            firstPending = 0
        }
    }

    private func takeMessages(of socket: ZMQSocket) {
        for _ in 0..<Self.messagesPerTurn {
            guard let frames = try? socket.receive() else { return }
            onFrames(frames)
        }
    }

    private func takeEvents(of monitor: ZMQMonitor) {
        while open?.monitor === monitor, let event = try? monitor.receive() {
            switch event.kind {
            case .established:
                isEstablished = true
                retryDelay = Self.shortestRetry
                onEvent(.established)
            case .disconnected:
                // Follows failed handshakes as well.
                guard isEstablished else { continue }
                isEstablished = false
                onEvent(.disconnected)
            case .denied, .handshakeFailed:
                disconnect(linger: .zero)
                scheduleRetry()
                onEvent(event.kind)
            case .retrying:
                onEvent(.retrying)
            }
        }
    }

    private func scheduleRetry() {
        retryTimer = io.schedule(after: retryDelay) { [weak self] in
            guard let self else { return }
            retryTimer = nil
            // What fails here (no more sockets) may succeed later.
            if (try? connect()) == nil { scheduleRetry() }
        }
        retryDelay = min(retryDelay * 2, Self.longestRetry)
    }
}
