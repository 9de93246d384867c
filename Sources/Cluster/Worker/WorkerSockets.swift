import Coordination
package import Transports
package import WireProtocol
import ZeroMQ

/// A worker's sockets: a control connection to the coordinator, and a data socket for its peers.
package final class WorkerSockets: WorkerLinks {
    package var onControl: (Envelope) -> Void = { _ in }
    package var onVersionDiffers: (String) -> Void = { _ in }
    package var onWritable: () -> Void = {}
    package var onData: (Envelope) -> Void = { _ in }
    private let control: ControlClient
    private let data: DataPlane
    private let publicKey: String
    private let log: @Sendable (String) -> Void

    /// - Throws: ``TransportError`` or ``ClusterError``, naming the address that cannot be used.
    package init(io: IOThread, settings: WorkerService.Settings) throws {
        log = settings.log
        let dataSecurity: DataSocket.Security
        switch settings.security {
        case .localOnly:
            (dataSecurity, publicKey) = (.localOnly, "")
        case .insecure:
            (dataSecurity, publicKey) = (.insecure, "")
        case .curve:
            // Workers share a pair to be let in; peers tell each other apart by a key of their own.
            let dataKeys = try CurveKeys.generate()
            dataSecurity = .curve(keys: dataKeys, authenticator: try ZAPAuthenticator(io.context))
            publicKey = Endpoint.isTCP(settings.coordinator) ? dataKeys.publicKey.text : ""
        }
        // The data socket first: a worker that peers cannot reach should not register.
        if let (host, port) = Endpoint.hostAndPort(settings.coordinator) {
            let advertised = try settings.advertisedHost ?? LocalAddress.towards(host: host, port: port)
            let bound = settings.bindAddress ?? (settings.advertisedHost == nil ? advertised : "0.0.0.0")
            data = try DataPlane(
                io, endpoint: "tcp://\(bound):\(settings.dataPort == 0 ? "*" : "\(settings.dataPort)")",
                advertisedHost: advertised, security: dataSecurity, log: settings.log)
        } else {
            data = try DataPlane(
                io, endpoint: Endpoint.beside(settings.coordinator, name: "data"), advertisedHost: nil,
                security: dataSecurity, log: settings.log)
        }
        control = try ControlClient(io, endpoint: settings.coordinator, security: settings.security.ofControl)
        control.onMessage = { [weak self] in self?.onControl($0) }
        control.onWritable = { [weak self] in self?.onWritable() }
        control.onMalformed = { [weak self] error in
            if error.code == .version { self?.onVersionDiffers(error.message) }
            self?.log("a message of the coordinator was dropped: \(error)")
        }
        control.onConnection = { [weak self] event in self?.didChange(event) }
        data.onMessage = { [weak self] in self?.onData($0) }
    }

    private func didChange(_ event: ControlClient.ConnectionEvent) {
        switch event {
        case .established: log("connected to the coordinator")
        case .disconnected: log("the connection to the coordinator broke; trying again")
        case .denied:
            log("the coordinator does not admit this worker's key; are these keys of its --keys directory?")
        case .handshakeFailed:
            log("whoever answers at the coordinator's address is none, or uses other keys; trying again")
        case .retrying: break
        }
    }

    package func complete(_ register: inout Register) {
        register.dataEndpoint = data.advertisedEndpoint
        register.publicKey = publicKey
    }

    package func sendControl(_ envelope: Envelope) -> Bool {
        switch control.send(envelope) {
        case .sent: return true
        case .wouldBlock: return !envelope.body.isBulk
        case .unreachable: return true
        case .refused(let error):
            log("a message to the coordinator was not sent: \(error)")
            return true
        }
    }

    package var counts: TransportCounts { control.counts + data.counts }
    package func setRoster(_ peers: [Plan.Participant]) { data.setRoster(peers) }
    package func sendData(_ envelope: Envelope, to peer: UInt32) { data.send(envelope, to: peer) }

    package func close() {
        control.close()
        data.close()
    }
}
