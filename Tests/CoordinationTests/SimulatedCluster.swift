import Collectives
import Coordination
import Tensors
import WireProtocol

/// A coordinator, workers, and what befalls them.
final class SimulatedCluster {
    let world: SimulatedWorld
    let task: SimulatedTask
    let reference: [SimulatedTask.Reference]
    let isStar: Bool
    let minimumWorkers: Int
    /// How probable it is that a chunk of a gradient vanishes.
    var dataLoss = 0.0
    var disk: SimulatedDisk
    private(set) var coordinator: SimulatedCoordinator?
    private(set) var workers: [ConnectionID: SimulatedWorker] = [:]
    private(set) var term: UInt64 = 0
    private var nextConnection: UInt64 = 1

    init(seed: UInt64, stepCount: UInt64, isStar: Bool, minimumWorkers: Int, repeatProbability: Double) {
        world = SimulatedWorld(seed: seed, repeatProbability: repeatProbability)
        task = SimulatedTask(stepCount: stepCount)
        reference = task.reference()
        self.isStar = isStar
        self.minimumWorkers = minimumWorkers
        disk = SimulatedDisk(checkpoint: (0, task.initialParameters))
        startCoordinator()
    }

    func startCoordinator() {
        term += 1
        coordinator = SimulatedCoordinator(cluster: self, term: term)
    }

    func killCoordinator() {
        coordinator?.isAlive = false
        coordinator = nil
    }

    func startWorker() {
        let connection = ConnectionID(nextConnection)
        nextConnection += 1
        workers[connection] = SimulatedWorker(connection: connection, cluster: self)
    }

    var livingWorkers: [SimulatedWorker] {
        workers.values.filter(\.isAlive).sorted { $0.connection.value < $1.connection.value }
    }

    /// Strikes at random between 0 and `horizon` seconds; a worker is left alive after it.
    func scheduleFaults(count: Int, horizon: Double) {
        for _ in 0..<count {
            world.after(world.random(0...horizon)) { [self] in
                switch world.random(0...1) {
                case ..<0.35: livingWorkers.randomElement(using: &world.generator)?.isAlive = false
                case ..<0.55: startWorker()
                case ..<0.75:
                    livingWorkers.randomElement(using: &world.generator)?.pause(
                        seconds: world.random(0.5...12))
                case ..<0.85: coordinator?.pause(seconds: world.random(0.5...12))
                default:
                    guard coordinator?.ending == nil, coordinator != nil else { return }
                    killCoordinator()
                    world.after(world.random(0.1...8)) { self.startCoordinator() }
                }
            }
        }
        world.after(horizon) { [self] in
            for _ in 0..<minimumWorkers { startWorker() }
        }
    }

    func sendToCoordinator(_ envelope: Envelope, from connection: ConnectionID) {
        world.deliver(link: "\(connection.value)>c") {
            self.coordinator?.receive(envelope, from: connection)
        }
    }

    func sendToWorker(_ envelope: Envelope, connection: ConnectionID) {
        let term = term
        world.deliver(link: "c\(term)>\(connection.value)") {
            self.workers[connection]?.receive(envelope)
        }
    }

    /// Data goes to the endpoint in the sender's plan; ids belong to one term.
    func sendData(
        _ message: ReductionSession.Outgoing, from sender: ConnectionID?, header: Envelope.Header
    ) {
        let chunk = GradientChunk(
            nodeLevel: UInt32(message.node.level), nodeIndex: UInt32(message.node.index),
            chunk: UInt32(message.chunk), elementCount: UInt32(message.elements.count), checksum: 0)
        let envelope = Envelope(
            header: header, body: message.isReduced ? .reduced(chunk) : .partial(chunk),
            payload: [Self.bytes(message.elements.toArray())])
        if world.chance(dataLoss) { return }
        let from = sender?.value ?? 0
        if message.peer == 0 {
            world.deliver(link: "data \(from)>c") {
                self.coordinator?.receive(envelope, from: ConnectionID(from))
            }
        } else {
            let target = workers.values.first {
                $0.machine.membership?.id == message.peer && $0.machine.membership?.term == header.term
            }
            guard let target else { return }
            world.deliver(link: "data \(from)>\(target.connection.value)") { target.receive(envelope) }
        }
    }

    static func stateEnvelope(_ parameters: [Float], header: Envelope.Header, digest: [UInt8]) -> Envelope {
        Envelope(
            header: header,
            body: .stateChunk(
                StateChunk(
                    section: .parameters, elementOffset: 0, elementCount: UInt32(parameters.count),
                    sectionElementCount: UInt64(parameters.count), checksum: 0, isLast: true,
                    stateDigest: digest)),
            payload: [bytes(parameters)])
    }

    static func bytes(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) } }
    }

    static func floats(_ bytes: [UInt8]) -> [Float] {
        stride(from: 0, to: bytes.count, by: 4).map { at in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << ($1 * 8) })
        }
    }
}
