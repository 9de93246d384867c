import Coordination
import WireProtocol

/// Workers that fetch a base from a coordinator and from one another, over links that carry one chunk at a time each way out.
final class SimulatedSwarm {
    enum Habit {
        case honest
        /// Gives others bytes that are not those of the chunk.
        case liar
        /// Takes requests and answers none.
        case silent
    }
    private enum Event {
        case progress(Int, BaseProgress, life: Int)
        case sources(Int, BaseSources, life: Int)
        case request(at: Int, from: Int, chunk: Int, source: UInt32, life: Int)
        case chunk(Int, from: UInt32, chunk: Int, isRight: Bool, life: Int)
        case tick
        case cut(Int)
        case start(Int)
    }
    private struct Worker {
        var habit = Habit.honest
        var fetch: BaseFetch?
        var held: ChunkSet
        /// Counts its connections; what belongs to an earlier one is lost.
        var life = 0
        var isUp = false
        var linkFree = Duration.zero
    }

    static let chunkTime = Duration.milliseconds(2)
    let chunkCount: Int
    private var workers: [Worker]
    private var distribution: BaseDistribution
    private var queue: [(at: Duration, order: Int, event: Event)] = []
    private var order = 0
    private var coordinatorLinkFree = Duration.zero
    private var random: SeededGenerator
    private(set) var now = Duration.zero
    private(set) var events: [(event: String, details: [String: String])] = []
    /// When each had all of it.
    private(set) var completed: [Int: Duration] = [:]
    /// Chunks that came to a worker that had them.
    private(set) var repeats = 0
    var givenCount: Int { distribution.givenCount }

    init(chunkCount: Int, workers count: Int, habits: [Int: Habit] = [:], seed: UInt64) {
        self.chunkCount = chunkCount
        workers = (0..<count).map { index in
            Worker(
                habit: habits[index] ?? .honest,
                // One that lies or keeps silent has all of it, or says so.
                held: ChunkSet(chunkCount: chunkCount, isFull: (habits[index] ?? .honest) != .honest))
        }
        distribution = BaseDistribution(chunkCount: chunkCount, chunkByteCount: 256 << 10)
        random = SeededGenerator(seed: seed)
        schedule(.tick, after: .milliseconds(200))
    }

    func start(_ worker: Int, at time: Duration) { schedule(.start(worker), after: time - now) }
    func cut(_ worker: Int, at time: Duration) { schedule(.cut(worker), after: time - now) }

    func held(by worker: Int) -> ChunkSet { workers[worker].fetch?.held ?? workers[worker].held }

    /// - Returns: false when not all honest workers that are up have the base by `limit`.
    func run(limit: Duration) -> Bool {
        while !queue.isEmpty {
            let next =
                queue.indices.min { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) } ?? 0
            guard queue[next].at <= limit else {
                now = limit
                return false
            }
            let (at, _, event) = queue.remove(at: next)
            now = at
            handle(event)
            let isDone = workers.indices.allSatisfy {
                workers[$0].habit != .honest || (workers[$0].isUp && completed[$0] != nil)
            }
            let hasPlans = queue.contains {
                switch $0.event {
                case .start, .cut: true
                default: false
                }
            }
            if isDone, !hasPlans { return true }
        }
        return false
    }

    private func schedule(_ event: Event, after delay: Duration) {
        order += 1
        queue.append((now + delay, order, event))
    }

    /// The way there, without waiting for a link.
    private func latency() -> Duration { .microseconds(Int64.random(in: 50...500, using: &random)) }

    private func handle(_ event: Event) {
        switch event {
        case .tick:
            schedule(.tick, after: .milliseconds(200))
            perform(distribution.tick(now: now))
            for index in workers.indices {
                if let actions = workers[index].fetch?.tick(now: now) { perform(actions, of: index) }
            }
        case .start(let index):
            guard !workers[index].isUp else { return }
            workers[index].life += 1
            workers[index].isUp = true
            workers[index].fetch = BaseFetch(held: workers[index].held, chunkByteCount: 256 << 10)
            if let actions = workers[index].fetch?.didConnect() { perform(actions, of: index) }
        case .cut(let index):
            guard workers[index].isUp else { return }
            workers[index].held = held(by: index)
            workers[index].fetch = nil
            workers[index].isUp = false
            completed[index] = nil
            perform(distribution.disconnect(connection(index), now: now))
            workers[index].life += 1
        case .progress(let index, let progress, let life):
            guard workers[index].life == life else { return }
            perform(distribution.handle(progress, from: connection(index), now: now) ?? [])
        case .sources(let index, let sources, let life):
            guard workers[index].life == life, let actions = workers[index].fetch?.take(sources, now: now)
            else {
                return
            }
            perform(actions, of: index)
        case .request(let at, let from, let chunk, let source, let life):
            guard workers[at].isUp, workers[at].habit != .silent else { return }
            workers[at].linkFree = max(workers[at].linkFree, now) + Self.chunkTime
            let isRight = workers[at].habit == .honest
            let delay = workers[at].linkFree - now + latency()
            schedule(.chunk(from, from: source, chunk: chunk, isRight: isRight, life: life), after: delay)
        case .chunk(let index, let source, let chunk, let isRight, let life):
            guard workers[index].life == life else { return }
            guard workers[index].fetch?.wants(chunk, from: source) == true else { return repeats += 1 }
            let actions =
                isRight
                ? workers[index].fetch?.didStore(chunk, from: source, now: now)
                : workers[index].fetch?.didFail(source, .wrongBytes, chunk: chunk)
            perform(actions ?? [], of: index)
        }
    }

    private func connection(_ index: Int) -> ConnectionID {
        ConnectionID(UInt64(workers[index].life * 1000 + index))
    }

    private func perform(_ actions: [BaseDistribution.Action]) {
        for action in actions {
            switch action {
            case .sendChunk(let chunk, let connection):
                let index = Int(connection.value % 1000)
                coordinatorLinkFree = max(coordinatorLinkFree, now) + Self.chunkTime
                let delay = coordinatorLinkFree - now + latency()
                schedule(
                    .chunk(index, from: 0, chunk: chunk, isRight: true, life: workers[index].life),
                    after: delay)
            case .sendSources(let sources, let connection):
                let index = Int(connection.value % 1000)
                schedule(.sources(index, sources, life: workers[index].life), after: latency())
            case .record(let event, let details): events.append((event, details))
            }
        }
    }

    private func perform(_ actions: [BaseFetch.Action], of index: Int) {
        for action in actions {
            switch action {
            case .ask(let source, let chunk):
                let other = Int(source.endpoint.dropFirst("tcp://w".count).prefix { $0 != ":" }) ?? 0
                guard workers[other].isUp else {
                    if let actions = workers[index].fetch?.didFail(source.id, .unreachable) {
                        perform(actions, of: index)
                    }
                    continue
                }
                let life = workers[index].life
                schedule(
                    .request(at: other, from: index, chunk: chunk, source: source.id, life: life),
                    after: latency())
            case .report(let held, let faults):
                let progress = BaseProgress(
                    manifestDigest: [], endpoint: "tcp://w\(index):1", publicKey: "", held: held,
                    faults: faults)
                schedule(.progress(index, progress, life: workers[index].life), after: latency())
            case .completed: completed[index] = now
            case .leave, .fault: break
            }
        }
    }
}
