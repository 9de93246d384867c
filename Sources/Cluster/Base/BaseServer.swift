import Transports
import WireProtocol
import ZeroMQ

/// The socket at which a worker gives others chunks of the base.
final class BaseServer {
    /// Where others reach it.
    let advertisedEndpoint: String
    /// Empty where the transport is plain.
    let publicKey: String
    /// Asked for a chunk; nil where it is not here.
    var read: (Int) -> [UInt8]? = { _ in nil }
    private let socket: ControlServer
    private let keys: CurveKeys?
    private let isInsecure: Bool
    /// Those that do not take what they asked for, until they do.
    private var blocked: Set<PeerIdentity> = []

    private static let domain = "base"

    init(_ io: IOThread, settings: BaseExchange.Settings) throws {
        let security: ServerSecurity
        switch settings.security {
        case .localOnly: (security, keys, publicKey) = (.localOnly, nil, "")
        case .insecure: (security, keys, publicKey) = (.insecure, nil, "")
        case .curve(let workerKeys, _):
            // A key of its own, for which those get in that have the workers' key.
            let own = try CurveKeys.generate()
            let authenticator = try ZAPAuthenticator(io.context)
            authenticator.setAllowed([workerKeys.publicKey], domain: Self.domain)
            security = .curve(keys: own, authenticator: authenticator, domain: Self.domain)
            keys = workerKeys
            publicKey = Endpoint.isTCP(settings.coordinator) ? own.publicKey.text : ""
        }
        if case .insecure = settings.security { isInsecure = true } else { isInsecure = false }
        if let (host, port) = Endpoint.hostAndPort(settings.coordinator) {
            let advertised = try settings.advertisedHost ?? LocalAddress.towards(host: host, port: port)
            let bound = settings.bindAddress ?? (settings.advertisedHost == nil ? advertised : "0.0.0.0")
            socket = try ControlServer(
                io, endpoints: ["tcp://\(bound):\(settings.port == 0 ? "*" : "\(settings.port)")"],
                security: security)
            advertisedEndpoint = Endpoint.replacingHost(of: socket.endpoints[0], by: advertised)
        } else {
            socket = try ControlServer(
                io, endpoints: [Endpoint.beside(settings.coordinator, name: "base")], security: security)
            advertisedEndpoint = socket.endpoints[0]
        }
        socket.onMessage = { [weak self] peer, envelope in
            if case .baseChunkRequest(let request) = envelope.body {
                self?.give(Int(request.chunk), to: peer)
            }
        }
        socket.onWritable = { [weak self] in _ = self?.blocked.remove($0) }
        socket.onDisconnect = { [weak self] in _ = self?.blocked.remove($0) }
    }

    /// How to connect to the socket of another worker.
    ///
    /// - Throws: `ZMQError` for a key that is none.
    func security(towards publicKey: String) throws -> ClientSecurity {
        if isInsecure { return .insecure }
        guard let keys, !publicKey.isEmpty else { return .localOnly }
        return .curve(keys: keys, serverKey: try CurvePublicKey(publicKey))
    }

    func close() { socket.close(linger: .zero) }

    private func give(_ chunk: Int, to peer: PeerIdentity) {
        // It asks for more than it takes; what it misses it asks for again, or of others.
        guard !blocked.contains(peer) else { return }
        let bytes = read(chunk) ?? []
        let body = BaseChunk(chunk: UInt32(chunk), byteCount: UInt32(bytes.count))
        let envelope = Envelope(header: Envelope.Header(), body: .baseChunk(body), payload: [bytes])
        if socket.send(envelope, to: peer) == .wouldBlock { blocked.insert(peer) }
    }
}
