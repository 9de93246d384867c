import Coordination
import Transports
import WireProtocol
import ZeroMQ

/// A process's data socket with what waits in front of it: chunks for a peer whose queue is full.
final class DataPlane {
    /// Called with each message of a peer.
    var onMessage: (Envelope) -> Void = { _ in }
    /// Where peers reach it.
    let advertisedEndpoint: String
    private let socket: DataSocket
    private let log: @Sendable (String) -> Void
    private var waiting: [UInt32: [Envelope]] = [:]

    /// - Parameters:
    ///   - endpoint: to bind; a port `*` takes a free one.
    ///   - advertisedHost: the host of the advertised endpoint, under tcp.
    init(
        _ io: IOThread, endpoint: String, advertisedHost: String?, security: DataSocket.Security,
        log: @escaping @Sendable (String) -> Void
    ) throws {
        self.log = log
        let socket = try DataSocket(io, endpoint: endpoint, security: security)
        self.socket = socket
        advertisedEndpoint =
            advertisedHost.map { Endpoint.replacingHost(of: socket.endpoint, by: $0) } ?? socket.endpoint
        socket.onMessage = { [weak self] in self?.onMessage($0) }
        socket.onWritable = { [weak self] in self?.flush($0) }
        socket.onPeer = { peer, event in
            switch event {
            case .disconnected: log("the data connection to participant \(peer) broke")
            case .handshakeFailed: log("the data connection to participant \(peer) fails in the handshake")
            case .established, .denied, .retrying: break
            }
        }
    }

    /// Connects to the peers of a plan. What waited is of an earlier generation, so it is dropped.
    func setRoster(_ peers: [Plan.Participant]) {
        waiting.removeAll()
        do {
            try socket.setPeers(
                try peers.map { peer in
                    DataSocket.Peer(
                        id: peer.id, endpoint: peer.dataEndpoint,
                        publicKey: peer.publicKey.isEmpty ? nil : try CurvePublicKey(peer.publicKey))
                })
        } catch {
            log("the roster cannot be used as it is: \(error)")
        }
    }

    func send(_ envelope: Envelope, to peer: UInt32) {
        guard waiting[peer] == nil else {
            waiting[peer]?.append(envelope)
            return
        }
        switch socket.send(envelope, to: peer) {
        case .sent: break
        case .wouldBlock: waiting[peer] = [envelope]
        case .unreachable: log("a chunk for participant \(peer), which is not in the roster, was dropped")
        case .refused(let error): log("a chunk for participant \(peer) was dropped: \(error)")
        }
    }

    private func flush(_ peer: UInt32) {
        let envelopes = waiting.removeValue(forKey: peer) ?? []
        for envelope in envelopes { send(envelope, to: peer) }
    }

    /// What was carried and turned away so far.
    var counts: TransportCounts { socket.counts }

    func close() { socket.close() }
}
