package import Coordination
package import Transports
package import WireProtocol
import ZeroMQ

/// The coordinator's sockets: control connections of the workers and, under `collective: star`, a data socket.
package final class CoordinatorSockets: CoordinatorLinks {
    package var onControl: (Envelope, ConnectionID) -> Void = { _, _ in }
    package var onDisconnect: (ConnectionID) -> Void = { _ in }
    package var onWritable: (ConnectionID) -> Void = { _ in }
    package var onData: (Envelope) -> Void = { _ in }
    private let control: ControlServer
    private let data: DataPlane?
    private let publicKey: String
    private let log: @Sendable (String) -> Void
    private var logOfDrops = RateLimiter.ofLogLines
    private var connections: [PeerIdentity: ConnectionID] = [:]
    private var peers: [ConnectionID: PeerIdentity] = [:]
    private var nextConnection: UInt64 = 1

    /// - Throws: ``TransportError`` or ``ClusterError``, naming the address that cannot be used.
    package init(io: IOThread, settings: CoordinatorService.Settings) throws {
        log = settings.log
        let serverSecurity: ServerSecurity
        let dataSecurity: DataSocket.Security
        let remote = settings.listen.first { Endpoint.isTCP($0) }
        switch settings.security {
        case .localOnly:
            (serverSecurity, dataSecurity, publicKey) = (.localOnly, .localOnly, "")
        case .insecure:
            (serverSecurity, dataSecurity, publicKey) = (.insecure, .insecure, "")
        case .curve(let keys, let workerKeys):
            let authenticator = try ZAPAuthenticator(io.context)
            authenticator.setAllowed(workerKeys, domain: CoordinatorSecurity.controlDomain)
            serverSecurity = .curve(
                keys: keys, authenticator: authenticator, domain: CoordinatorSecurity.controlDomain)
            dataSecurity = .curve(keys: keys, authenticator: authenticator)
            publicKey = remote == nil ? "" : keys.publicKey.text
        }
        control = try ControlServer(io, endpoints: settings.listen, security: serverSecurity)
        if !settings.isStar {
            data = nil
        } else if let remote, let (host, _) = Endpoint.hostAndPort(remote) {
            let isWildcard = host == "*" || host == "0.0.0.0"
            guard let advertised = settings.advertisedHost ?? (isWildcard ? nil : host) else {
                throw ClusterError(
                    .configuration,
                    "collective: star needs to know where workers reach this host; listen on an address of it "
                        + "instead of \(host), or give --advertise HOST")
            }
            data = try DataPlane(
                io, endpoint: "tcp://\(host):\(settings.dataPort == 0 ? "*" : "\(settings.dataPort)")",
                advertisedHost: advertised, security: dataSecurity, log: settings.log)
        } else {
            data = try DataPlane(
                io, endpoint: Endpoint.beside(settings.listen.first ?? "ipc://shoal", name: "data"),
                advertisedHost: nil, security: dataSecurity, log: settings.log)
        }
        control.onMessage = { [weak self] peer, envelope in
            guard let self, !refusesAddress(envelope, of: peer) else { return }
            onControl(envelope, connection(of: peer))
        }
        control.onMalformed = { [weak self] peer, error in self?.didReceiveMalformed(error, from: peer) }
        control.onDisconnect = { [weak self] peer in self?.didDisconnect(peer) }
        control.onWritable = { [weak self] peer in
            guard let self, let connection = connections[peer] else { return }
            onWritable(connection)
        }
        data?.onMessage = { [weak self] in self?.onData($0) }
    }

    package var hasConnections: Bool { !connections.isEmpty }

    package var controlEndpoints: [String] { control.endpoints }

    package var reducer: Plan.Participant? {
        data.map {
            Plan.Participant(id: 0, dataEndpoint: $0.advertisedEndpoint, publicKey: publicKey, leaves: [])
        }
    }

    private func connection(of peer: PeerIdentity) -> ConnectionID {
        if let connection = connections[peer] { return connection }
        let connection = ConnectionID(nextConnection)
        nextConnection += 1
        connections[peer] = connection
        peers[connection] = peer
        return connection
    }

    private func didDisconnect(_ peer: PeerIdentity) {
        guard let connection = connections.removeValue(forKey: peer) else { return }
        peers[connection] = nil
        onDisconnect(connection)
    }

    /// A sender of another version is told; it cannot read more than that, and says so itself.
    private func didReceiveMalformed(_ error: WireProtocolError, from peer: PeerIdentity) {
        if logOfDrops.admits() { log("a message of a worker was dropped: \(error)") }
        guard error.code == .version else { return }
        let refusal = Refusal(code: .protocolVersion, message: error.message)
        _ = control.send(Envelope(header: Envelope.Header(), body: .refuse(refusal)), to: peer)
    }

    /// A worker whose data address or key the others could not use would stop them all, so it does not get in.
    private func refusesAddress(_ envelope: Envelope, of peer: PeerIdentity) -> Bool {
        guard case .register(let register) = envelope.body else { return false }
        let isUsable =
            Endpoint.isUsable(register.dataEndpoint)
            && (register.publicKey.isEmpty
                ? publicKey.isEmpty || !Endpoint.isTCP(register.dataEndpoint)
                : (try? CurvePublicKey(register.publicKey)) != nil)
        guard !isUsable else { return false }
        let refusal = Refusal(
            code: .notAdmitted,
            message:
                "the data address '\(register.dataEndpoint.prefix(80))' or its key cannot be used by other "
                + "workers; expected tcp://HOST:PORT or ipc://PATH")
        _ = control.send(Envelope(header: Envelope.Header(), body: .refuse(refusal)), to: peer)
        return true
    }

    package func sendControl(_ envelope: Envelope, to connection: ConnectionID) -> Bool {
        guard let peer = peers[connection] else { return true }
        switch control.send(envelope, to: peer) {
        case .sent: return true
        case .wouldBlock: return !envelope.body.isBulk
        case .unreachable: return true
        case .refused(let error):
            log("a message to a worker was not sent: \(error)")
            return true
        }
    }

    package var counts: TransportCounts { control.counts + (data?.counts ?? TransportCounts()) }
    package func setRoster(_ peers: [Plan.Participant]) { data?.setRoster(peers) }
    package func sendData(_ envelope: Envelope, to peer: UInt32) { data?.send(envelope, to: peer) }

    package func close() {
        control.close()
        data?.close()
    }
}
