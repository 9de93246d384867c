package import Coordination
package import Transports
package import WireProtocol

/// A worker's ways to the others, on its I/O thread.
package protocol WorkerLinks: AnyObject {
    /// Called with each message of the coordinator.
    var onControl: (Envelope) -> Void { get set }
    /// Called when the coordinator turns out to speak another version; the message names both.
    var onVersionDiffers: (String) -> Void { get set }
    /// Called when state chunks that were not taken may be offered again.
    var onWritable: () -> Void { get set }
    /// Called with each message of a peer.
    var onData: (Envelope) -> Void { get set }
    /// Fills in where peers reach this worker.
    func complete(_ register: inout Register)
    /// - Returns: false when a state chunk has to wait for ``onWritable``; nothing was sent then.
    func sendControl(_ envelope: Envelope) -> Bool
    /// What was carried and turned away so far.
    var counts: TransportCounts { get }
    /// The peers of the present plan: those that are not reached yet get connected, others let go.
    func setRoster(_ peers: [Plan.Participant])
    /// To a peer of the roster; dropped when there is none with this id.
    func sendData(_ envelope: Envelope, to peer: UInt32)
    /// Delivers what was sent, for a limited time, and closes.
    func close()
}

/// The coordinator's ways to the workers, on its I/O thread.
package protocol CoordinatorLinks: AnyObject {
    /// Called with each message of a worker.
    var onControl: (Envelope, ConnectionID) -> Void { get set }
    /// Called when a worker's connection is gone.
    var onDisconnect: (ConnectionID) -> Void { get set }
    /// Called when state chunks that were not taken may be offered again.
    var onWritable: (ConnectionID) -> Void { get set }
    /// Called with each chunk of a gradient, under `collective: star`.
    var onData: (Envelope) -> Void { get set }
    /// Whether a worker that was heard has not closed its connection yet.
    var hasConnections: Bool { get }
    /// Where workers can connect to.
    var controlEndpoints: [String] { get }
    /// The coordinator as a participant, under `collective: star`.
    var reducer: Plan.Participant? { get }
    /// - Returns: false when a state chunk has to wait for ``onWritable``; nothing was sent then.
    func sendControl(_ envelope: Envelope, to connection: ConnectionID) -> Bool
    /// What was carried and turned away so far.
    var counts: TransportCounts { get }
    /// The workers of the present plan, under `collective: star`.
    func setRoster(_ peers: [Plan.Participant])
    /// To a worker of the roster; dropped when there is none with this id.
    func sendData(_ envelope: Envelope, to peer: UInt32)
    /// Delivers what was sent, for a limited time, and closes.
    func close()
}
