import Coordination
import WireProtocol

/// One control connection between a worker process and a life of the coordinator; another one after each break.
final class SimulatedConnection {
    /// One direction of it. What was on its way when it broke arrives up to a point, as TCP has it.
    struct Direction {
        var sent = 0
        var delivered = 0
        /// Messages up to here arrive although the connection broke.
        var surviving = 0
        /// When the last message on its way arrives.
        var last = 0.0
    }

    let id: ConnectionID
    let process: Int
    let coordinator: SimulatedCoordinator
    private(set) var isOpen = true
    var toCoordinator = Direction()
    var toWorker = Direction()
    /// How much later than planned the survivors of a break reach the coordinator.
    private(set) var lateness = 0.0

    init(id: ConnectionID, process: Int, coordinator: SimulatedCoordinator) {
        self.id = id
        self.process = process
        self.coordinator = coordinator
    }

    func breakOff(_ world: SimulatedWorld) {
        isOpen = false
        toCoordinator.surviving = Self.cut(toCoordinator, world)
        toWorker.surviving = Self.cut(toWorker, world)
        lateness = world.chance(0.3) ? world.random(0...2) : 0
    }

    private static func cut(_ direction: Direction, _ world: SimulatedWorld) -> Int {
        direction.delivered + Int(world.random(0...1) * Double(direction.sent - direction.delivered + 1))
    }
}

/// What lies between the processes: delays, repeats, black holes, broken connections.
final class SimulatedNetwork {
    /// Two processes; 0 is the coordinator's host.
    struct Pair: Hashable {
        var low: Int
        var high: Int
        init(_ first: Int, _ second: Int) {
            low = min(first, second)
            high = max(first, second)
        }
    }

    let world: SimulatedWorld
    /// How probable it is that a message comes twice.
    var repeatProbability = 0.0
    /// How probable it is that a message takes forty times as long.
    var dawdling = 0.02
    /// How probable it is that a chunk of a gradient vanishes.
    var dataLoss = 0.0
    /// Chunks of a gradient pass one another, and one that comes twice may do so seconds later, in another step.
    var isReorderingData = false
    /// Nothing passes between two processes before that time.
    private var blackHoles: [Pair: Double] = [:]
    private var lastData: [UInt64: Double] = [:]

    /// A connection to a silent host is given up then.
    static let timeout = 20.0

    init(world: SimulatedWorld) { self.world = world }

    func cut(_ first: Int, _ second: Int, seconds: Double) {
        blackHoles[Pair(first, second)] = world.time + seconds
    }

    /// Until when nothing passes; 0 when it does.
    func blockedUntil(_ first: Int, _ second: Int) -> Double {
        guard !blackHoles.isEmpty, let until = blackHoles[Pair(first, second)] else { return 0 }
        return until > world.time ? until : 0
    }

    private func delay() -> Double { world.random(0.0005...0.03) * (world.chance(dawdling) ? 40 : 1) }

    /// - Parameter comesOnce: a piece of a stream, which TCP does not repeat; what may come twice is what may be said again.
    func deliver(
        _ connection: SimulatedConnection,
        _ path: ReferenceWritableKeyPath<SimulatedConnection, SimulatedConnection.Direction>,
        comesOnce: Bool = false, _ body: @escaping () -> Void
    ) {
        let earliest = max(world.time, blockedUntil(connection.process, 0)) + delay()
        let arrival = max(earliest, connection[keyPath: path].last)
        connection[keyPath: path].last = arrival
        connection[keyPath: path].sent += 1
        let number = connection[keyPath: path].sent
        let isRepeated = !comesOnce && world.chance(repeatProbability)
        let isToCoordinator = path == \.toCoordinator
        world.at(arrival) { [world] in
            if connection.isOpen {
                connection[keyPath: path].delivered = number
            } else if number > connection[keyPath: path].surviving {
                return
            } else if isToCoordinator, connection.lateness > 0 {
                // Behind what the next connection brings.
                return world.after(connection.lateness, body)
            }
            body()
            if isRepeated { body() }
        }
    }

    /// A chunk from process to process, in order unless ``isReorderingData``.
    func deliverData(from: Int, to: Int, _ body: @escaping () -> Void) {
        let blocked = blockedUntil(from, to)
        if world.chance(dataLoss) || blocked > world.time + Self.timeout { return }
        if isReorderingData {
            let earliest = max(world.time, blocked)
            world.at(earliest + delay() * world.random(1...10), body)
            if world.chance(repeatProbability) { world.at(earliest + delay() * world.random(1...200), body) }
            return
        }
        let key = UInt64(from) << 32 | UInt64(to)
        let arrival = max(max(world.time, blocked) + delay(), lastData[key] ?? 0)
        lastData[key] = arrival
        for _ in 0..<(world.chance(repeatProbability) ? 2 : 1) { world.at(arrival, body) }
    }
}
