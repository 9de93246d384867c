import Cluster
import Coordination
import Synchronization
import Transports
import WireProtocol

/// Sockets that are none: messages go from I/O thread to I/O thread of one process, in order, losslessly.
final class InMemoryNetwork: Sendable {
    private struct Ends: Sendable {
        var coordinator: (@Sendable (Envelope, ConnectionID) -> Void)?
        var coordinatorData: (@Sendable (Envelope) -> Void)?
        var control: [ConnectionID: @Sendable (Envelope) -> Void] = [:]
        var data: [String: @Sendable (Envelope) -> Void] = [:]
        var nextConnection: UInt64 = 1
    }
    private let ends = Mutex(Ends())
    /// Workers whose messages vanish, as if their host had died.
    private let dead = Mutex<Set<ConnectionID>>([])

    func workerLinks(_ io: IOThread) -> any WorkerLinks {
        let connection = ends.withLock { ends in
            defer { ends.nextConnection += 1 }
            return ConnectionID(ends.nextConnection)
        }
        let links = InMemoryWorkerLinks(network: self, connection: connection)
        let bound = io.bind(links)
        let loop = io.loop
        ends.withLock { ends in
            ends.control[connection] = { envelope in loop.post { bound($0).onControl(envelope) } }
            ends.data["memory://\(connection.value)"] = { envelope in loop.post { bound($0).onData(envelope) }
            }
        }
        return links
    }

    func coordinatorLinks(_ io: IOThread, isStar: Bool) -> any CoordinatorLinks {
        let links = InMemoryCoordinatorLinks(network: self, isStar: isStar)
        let bound = io.bind(links)
        let loop = io.loop
        ends.withLock { ends in
            ends.coordinator = { envelope, connection in
                loop.post { bound($0).onControl(envelope, connection) }
            }
            ends.data["memory://coordinator"] = { envelope in loop.post { bound($0).onData(envelope) } }
        }
        return links
    }

    fileprivate func kill(_ connection: ConnectionID) { dead.withLock { _ = $0.insert(connection) } }

    fileprivate func killCoordinator() {
        ends.withLock { ends in
            ends.coordinator = nil
            ends.control = [:]
            ends.data = [:]
        }
    }

    fileprivate func toCoordinator(_ envelope: Envelope, from connection: ConnectionID) {
        guard !dead.withLock({ $0.contains(connection) }) else { return }
        ends.withLock { $0.coordinator }?(envelope, connection)
    }

    fileprivate func toWorker(_ envelope: Envelope, _ connection: ConnectionID) {
        guard !dead.withLock({ $0.contains(connection) }) else { return }
        ends.withLock { $0.control[connection] }?(envelope)
    }

    fileprivate func toData(_ envelope: Envelope, endpoint: String, from connection: ConnectionID?) {
        if let connection, dead.withLock({ $0.contains(connection) }) { return }
        ends.withLock { $0.data[endpoint] }?(envelope)
    }
}

private final class InMemoryWorkerLinks: WorkerLinks {
    var onControl: (Envelope) -> Void = { _ in }
    var onVersionDiffers: (String) -> Void = { _ in }
    var onWritable: () -> Void = {}
    var onData: (Envelope) -> Void = { _ in }
    private let network: InMemoryNetwork
    private let connection: ConnectionID
    let counts = TransportCounts()
    private var roster: [UInt32: String] = [:]

    init(network: InMemoryNetwork, connection: ConnectionID) {
        self.network = network
        self.connection = connection
    }

    func complete(_ register: inout Register) { register.dataEndpoint = "memory://\(connection.value)" }
    func sendControl(_ envelope: Envelope) -> Bool {
        network.toCoordinator(envelope, from: connection)
        return true
    }
    func setRoster(_ peers: [Plan.Participant]) {
        roster = Dictionary(uniqueKeysWithValues: peers.map { ($0.id, $0.dataEndpoint) })
    }
    func sendData(_ envelope: Envelope, to peer: UInt32) {
        if let endpoint = roster[peer] { network.toData(envelope, endpoint: endpoint, from: connection) }
    }
    func close() { network.kill(connection) }
}

private final class InMemoryCoordinatorLinks: CoordinatorLinks {
    var onControl: (Envelope, ConnectionID) -> Void = { _, _ in }
    var onDisconnect: (ConnectionID) -> Void = { _ in }
    var onWritable: (ConnectionID) -> Void = { _ in }
    var onData: (Envelope) -> Void = { _ in }
    let hasConnections = false
    let counts = TransportCounts()
    let controlEndpoints = ["memory://coordinator"]
    let reducer: Plan.Participant?
    private let network: InMemoryNetwork
    private var roster: [UInt32: String] = [:]

    init(network: InMemoryNetwork, isStar: Bool) {
        self.network = network
        reducer = isStar ? .init(id: 0, dataEndpoint: "memory://coordinator", publicKey: "", leaves: []) : nil
    }

    func sendControl(_ envelope: Envelope, to connection: ConnectionID) -> Bool {
        network.toWorker(envelope, connection)
        return true
    }
    func setRoster(_ peers: [Plan.Participant]) {
        roster = Dictionary(uniqueKeysWithValues: peers.map { ($0.id, $0.dataEndpoint) })
    }
    func sendData(_ envelope: Envelope, to peer: UInt32) {
        if let endpoint = roster[peer] { network.toData(envelope, endpoint: endpoint, from: nil) }
    }
    func close() { network.killCoordinator() }
}
