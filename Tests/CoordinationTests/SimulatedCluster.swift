import Collectives
import Coordination
import Tensors
import WireProtocol

/// A coordinator, workers, and the network between them.
final class SimulatedCluster {
    let world: SimulatedWorld
    let network: SimulatedNetwork
    let task: SimulatedTask
    let isStar: Bool
    let minimumWorkers: Int
    /// How long the second half of a state takes longer than the first.
    var uploadSeconds = 0.0
    /// The same of a state on its way to a newcomer.
    var downloadSeconds = 0.0
    /// How long the coordinator takes to digest a state that is whole.
    var digestSeconds = 0.01
    /// What the time of a micro-batch is multiplied by, at random.
    var jitter = 0.8...1.3
    var checkpointEvery: UInt64 = 2
    /// Steps from one whose state is digested to the next.
    var digestEvery: UInt64 = 1
    let disk: SimulatedDisk
    /// The present life.
    private(set) var coordinator: SimulatedCoordinator?
    private(set) var workers: [SimulatedWorker] = []
    /// All lives of the coordinator, that of term 1 first.
    private(set) var lives: [SimulatedCoordinator] = []
    private(set) var term: UInt64 = 0
    /// When each step was finished first.
    private(set) var finishTimes: [UInt64: Double] = [:]
    /// A coordinator of an earlier term still ran beside the present one.
    private(set) var hasZombie = false
    /// A disk was full, of which the workers are told, and end with its status.
    private(set) var hadFullDisk = false
    /// Gets a line for each message and fault, to look at one schedule.
    var trace: ((String) -> Void)?
    private var nextConnection: UInt64 = 1
    private var startCount: UInt64 = 0

    init(seed: UInt64, task: SimulatedTask, isStar: Bool = false, minimumWorkers: Int) {
        world = SimulatedWorld(seed: seed)
        network = SimulatedNetwork(world: world)
        self.task = task
        self.isStar = isStar
        self.minimumWorkers = minimumWorkers
        disk = SimulatedDisk(checkpoint: (0, SimulatedTask.initialParameters))
        startCoordinator()
    }

    // MARK: - Processes

    func startCoordinator() {
        term += 1
        // Opening the ledger syncs what is there.
        disk.syncedLineCount = disk.ledger.count
        let coordinator = SimulatedCoordinator(cluster: self, term: term)
        self.coordinator = coordinator
        lives.append(coordinator)
    }

    /// - Parameter losesPower: what was not synced goes with it.
    func killCoordinator(losesPower: Bool = false) {
        coordinator?.die()
        coordinator = nil
        if losesPower { disk.losePower() }
    }

    /// Nothing of what the coordinator writes from here on gets to its disk.
    func fillDisk() {
        hadFullDisk = true
        coordinator?.isDiskFull = true
    }

    /// A new life starts although the old one is only stopped, and wakes up later with the disk as it was.
    func supersedeCoordinator(wakingAfter seconds: Double) {
        guard let old = coordinator else { return }
        hasZombie = true
        old.disk = disk.copy()
        old.isDiskFull = false
        old.pause(seconds: seconds)
        startCoordinator()
        // Nobody answers there any more, as each worker notices in its time.
        for worker in livingWorkers {
            world.after(world.random(0...1) < 0.5 ? world.random(0...2) : world.random(0...20)) {
                worker.breakConnection(to: old)
            }
        }
    }

    @discardableResult
    func startWorker(threadCount: Int? = nil, secondsPerLeaf: Double? = nil) -> SimulatedWorker {
        let process = workers.count + 1
        let worker = SimulatedWorker(
            process: process, cluster: self, threadCount: threadCount ?? 1 + process % 2,
            secondsPerLeaf: secondsPerLeaf ?? world.random(0.05...0.6))
        workers.append(worker)
        return worker
    }

    func worker(_ process: Int) -> SimulatedWorker? {
        process >= 1 && process <= workers.count && workers[process - 1].isAlive ? workers[process - 1] : nil
    }

    var livingWorkers: [SimulatedWorker] { workers.filter(\.isAlive) }

    // MARK: - Network

    /// A connection of a worker to whoever listens at the coordinator's address; nil when nobody answers.
    func accept(process: Int) -> SimulatedConnection? {
        guard let coordinator, !coordinator.isPaused, network.blockedUntil(process, 0) == 0 else {
            return nil
        }
        let connection = SimulatedConnection(
            id: ConnectionID(nextConnection), process: process, coordinator: coordinator)
        nextConnection += 1
        coordinator.accept(connection)
        return connection
    }

    func breakConnections(to coordinator: SimulatedCoordinator) {
        for worker in livingWorkers { worker.breakConnection(to: coordinator) }
    }

    /// Cuts two processes off from each other; a long cut breaks what connections they have.
    func cut(_ first: Int, _ second: Int, seconds: Double) {
        network.cut(first, second, seconds: seconds)
        guard seconds > SimulatedNetwork.timeout, min(first, second) == 0 else { return }
        world.after(SimulatedNetwork.timeout) { [self] in
            worker(max(first, second))?.breakConnection()
        }
    }

    /// Data goes to the endpoint in the sender's plan.
    func sendData(
        _ message: ReductionSession.Outgoing, from sender: Int, to endpoint: String?, header: Envelope.Header
    ) {
        guard let target = endpoint.flatMap({ Int($0.dropFirst(6)) }) else { return }
        let chunk = GradientChunk(
            nodeLevel: UInt32(message.node.level), nodeIndex: UInt32(message.node.index),
            chunk: UInt32(message.chunk), elementCount: UInt32(message.elements.count), checksum: 0)
        let envelope = Envelope(
            header: header, body: message.isReduced ? .reduced(chunk) : .partial(chunk),
            payload: [Self.bytes(message.elements.toArray())])
        network.deliverData(from: sender, to: target) { [self] in
            if target == 0 {
                coordinator?.receiveData(envelope)
            } else {
                worker(target)?.receiveData(envelope)
            }
        }
    }

    // MARK: - What must hold

    /// Nobody may apply a step whose line is not on the disk of the coordinator that said so.
    func checkLedgered(step: UInt64, by worker: SimulatedWorker) {
        let term = Int(worker.machine.membership?.term ?? 0)
        let synced = lives[term - 1].disk.syncedLineCount
        if step > UInt64(synced) {
            disk.faults.append("process \(worker.process) applies step \(step), the ledger ends at \(synced)")
        }
    }

    func didFinish(step: UInt64) { if finishTimes[step] == nil { finishTimes[step] = world.time } }

    // MARK: - Bytes

    /// A message, for ``trace``.
    static func text(_ envelope: Envelope) -> String {
        let header = envelope.header
        var text = "\(envelope.body.name) step \(header.step).\(header.generation) of \(header.sender)"
        if case .assign(let assignment) = envelope.body {
            text += " leaves \(assignment.leaves) \(assignment.plan.participants.map { ($0.id, $0.leaves) })"
        }
        if case .register(let register) = envelope.body, let held = register.held {
            text += " held \(held.step) prepared \(held.preparedGeneration ?? 0)"
        }
        if case .leafComputed(let report) = envelope.body { text += " leaf \(report.leaf)" }
        return text
    }

    /// A state in two pieces.
    static func stateEnvelopes(
        _ parameters: [Float], header: Envelope.Header, digest: [UInt8]
    ) -> [Envelope] {
        let half = parameters.count / 2
        return [0..<half, half..<parameters.count].map { range in
            Envelope(
                header: header,
                body: .stateChunk(
                    StateChunk(
                        section: .parameters, elementOffset: UInt64(range.lowerBound),
                        elementCount: UInt32(range.count), sectionElementCount: UInt64(parameters.count),
                        checksum: 0, isLast: range.upperBound == parameters.count, stateDigest: digest)),
                payload: [bytes(Array(parameters[range]))])
        }
    }

    static func bytes(_ values: [Float]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 4)
        for value in values {
            for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> (shift * 8))) }
        }
        return bytes
    }

    static func floats(_ bytes: [UInt8]) -> [Float] {
        stride(from: 0, to: bytes.count, by: 4).map { at in
            var bits: UInt32 = 0
            for shift in 0..<4 { bits |= UInt32(bytes[at + shift]) << (shift * 8) }
            return Float(bitPattern: bits)
        }
    }
}
