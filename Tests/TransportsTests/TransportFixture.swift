import Foundation
import Synchronization
import Tensors
import Testing
import Transports
import WireProtocol
import ZeroMQ

/// The ways a transport can run; each behaviour is tested over all of them.
enum Way: String, CaseIterable, CustomTestStringConvertible {
    case inproc, ipc, tcp, curve
    var testDescription: String { rawValue }

    /// An endpoint nobody uses.
    func endpoint() -> String {
        switch self {
        case .inproc: "inproc://\(UUID().uuidString)"
        case .ipc: "ipc://\(FileManager.default.temporaryDirectory.path)/\(UUID().uuidString)"
        case .tcp, .curve: "tcp://127.0.0.1:*"
        }
    }
}

/// What another thread waits for.
final class Collector<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    func append(_ element: Element) { elements.withLock { $0.append(element) } }
    /// Copied inside of the lock: what orders a shared buffer's last read and its reuse is a reference count, which
    /// ThreadSanitizer does not see.
    var all: [Element] { elements.withLock { $0.map { $0 } } }
    private var count: Int { elements.withLock { $0.count } }

    /// Waits until there are `count` elements, or ten seconds have passed.
    func wait(for count: Int) -> [Element] {
        _ = eventually { self.count >= count }
        return all
    }
}

/// Waits until `condition` holds, ten seconds at most.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(10)
    while try !condition() {
        guard ContinuousClock.now < deadline else { return false }
        usleep(2000)
    }
    return true
}

func heartbeat(_ sequence: UInt64, sender: UInt32 = 0) -> Envelope {
    Envelope(header: .init(sender: sender), body: .heartbeat(Heartbeat(sequence: sequence)))
}

/// A process of the cluster: a context, an I/O thread, keys.
final class Node: Sendable {
    let context: ZMQContext
    let loop: EventLoop
    let authenticator: ZAPAuthenticator
    let keys: CurveKeys

    /// - Parameter context: shared where inproc is spoken.
    init(_ context: ZMQContext? = nil, authenticator: ZAPAuthenticator? = nil) throws {
        let context = try context ?? ZMQContext()
        self.context = context
        self.authenticator = try authenticator ?? ZAPAuthenticator(context)
        loop = try EventLoop(name: "node", context: context)
        keys = try CurveKeys.generate()
    }

    deinit { loop.stop() }
}

/// A coordinator's server and what it has seen.
final class ServerProbe: Sendable {
    let node: Node
    let endpoint: String
    let received = Collector<(PeerIdentity, Envelope)>()
    let malformed = Collector<WireProtocolError>()
    let disconnected = Collector<PeerIdentity>()
    let writable = Collector<PeerIdentity>()
    private let server: LoopBound<ControlServer>

    init(_ way: Way, _ node: Node, endpoint: String? = nil) throws {
        self.node = node
        let (received, malformed, disconnected, writable) = (received, malformed, disconnected, writable)
        let wish = endpoint ?? way.endpoint()
        (server, self.endpoint) = try node.loop.run { [node] io in
            let security: ServerSecurity =
                switch way {
                case .inproc, .ipc: .localOnly
                case .tcp: .insecure
                case .curve: .curve(keys: node.keys, authenticator: node.authenticator, domain: "control")
                }
            let server = try ControlServer(io, endpoints: [wish], security: security)
            server.onMessage = { received.append(($0, $1)) }
            server.onMalformed = { malformed.append($1) }
            server.onDisconnect = { disconnected.append($0) }
            server.onWritable = { writable.append($0) }
            return (io.bind(server), server.endpoints[0])
        }
    }

    func send(_ envelope: Envelope, to peer: PeerIdentity) throws -> SendResult {
        try node.loop.run { [server] io in server(io).send(envelope, to: peer) }
    }

    func counts() throws -> TransportCounts { try node.loop.run { [server] io in server(io).counts } }
    func close() throws { try node.loop.run { [server] io in server(io).close() } }
}

/// A worker's client and what it has seen.
final class ClientProbe: Sendable {
    let node: Node
    let received = Collector<Envelope>()
    let events = Collector<ControlClient.ConnectionEvent>()
    let writable = Collector<Bool>()
    private let client: LoopBound<ControlClient>

    init(_ way: Way, _ node: Node, to endpoint: String, serverKey: CurvePublicKey) throws {
        self.node = node
        let (received, events, writable) = (received, events, writable)
        client = try node.loop.run { [node] io in
            let security: ClientSecurity =
                switch way {
                case .inproc, .ipc: .localOnly
                case .tcp: .insecure
                case .curve: .curve(keys: node.keys, serverKey: serverKey)
                }
            let client = try ControlClient(io, endpoint: endpoint, security: security)
            client.onMessage = { received.append($0) }
            client.onConnection = { events.append($0) }
            client.onWritable = { writable.append(true) }
            return io.bind(client)
        }
    }

    func send(_ envelope: Envelope) throws -> SendResult {
        try node.loop.run { [client] io in client(io).send(envelope) }
    }

    func close(linger: Duration = .seconds(1)) throws {
        try node.loop.run { [client] io in client(io).close(linger: linger) }
    }
}

/// A reducer's data socket and what it has seen.
final class DataProbe: Sendable {
    let node: Node
    let id: UInt32
    let endpoint: String
    let received = Collector<Envelope>()
    let events = Collector<(UInt32, ControlClient.ConnectionEvent)>()
    let writable = Collector<UInt32>()
    let way: Way
    private let data: LoopBound<DataSocket>

    init(
        _ way: Way, _ node: Node, id: UInt32, endpoint: String? = nil,
        maximumPendingByteCount: Int = 256 << 20
    ) throws {
        self.way = way
        self.node = node
        self.id = id
        let (received, events, writable) = (received, events, writable)
        let wish = endpoint ?? way.endpoint()
        (data, self.endpoint) = try node.loop.run { [node] io in
            let security: DataSocket.Security =
                switch way {
                case .inproc, .ipc: .localOnly
                case .tcp: .insecure
                case .curve: .curve(keys: node.keys, authenticator: node.authenticator)
                }
            let data = try DataSocket(
                io, endpoint: wish, security: security, maximumPendingByteCount: maximumPendingByteCount)
            data.onMessage = { received.append($0) }
            data.onPeer = { events.append(($0, $1)) }
            data.onWritable = { writable.append($0) }
            return (io.bind(data), data.endpoint)
        }
    }

    var peer: DataSocket.Peer {
        DataSocket.Peer(id: id, endpoint: endpoint, publicKey: way == .curve ? node.keys.publicKey : nil)
    }

    func setPeers(_ peers: [DataSocket.Peer]) throws {
        try node.loop.run { [data] io in try data(io).setPeers(peers) }
    }

    func send(_ envelope: Envelope, to peer: UInt32) throws -> SendResult {
        try node.loop.run { [data] io in data(io).send(envelope, to: peer) }
    }

    func counts() throws -> TransportCounts { try node.loop.run { [data] io in data(io).counts } }
    func close() throws { try node.loop.run { [data] io in data(io).close() } }
}

/// A chunk whose elements say who sent it and which it is.
func chunk(_ number: UInt32, sender: UInt32, count: Int = 1000) -> Envelope {
    let elements = Vector((0..<count).map { Float($0) + Float(sender) * 1000 + Float(number) })
    let (bytes, checksum) = VectorPayload.encode(elements)
    let body = GradientChunk(
        nodeLevel: 0, nodeIndex: 0, chunk: number, elementCount: UInt32(count), checksum: checksum)
    return Envelope(header: .init(step: 1, sender: sender), body: .partial(body), payload: [bytes])
}
