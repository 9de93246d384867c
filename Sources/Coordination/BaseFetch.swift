public import WireProtocol

/// A worker's part in fetching the base, and in giving others what it has: what it asks of whom, and whom it leaves.
///
/// A pure function of its state, events and the time it is told; checking bytes and writing them is its owner's.
public struct BaseFetch: Sendable {
    public enum Action: Sendable, Equatable {
        /// Asks a worker for a chunk, over a connection that is made where there is none.
        case ask(BaseSource, chunk: Int)
        /// Closes the connection to a worker.
        case leave(source: UInt32)
        /// Tells the coordinator what is here.
        case report(held: [UInt8], faults: [BaseFault])
        /// A source did something wrong.
        case fault(BaseFault, endpoint: String)
        case completed
    }

    private struct Source: Sendable {
        var endpoint: String
        var pending: Set<Int> = []
        var lastHeard: Duration
    }

    /// What is here.
    public private(set) var held: ChunkSet
    private let pace: BasePace
    private var sources: [UInt32: Source] = [:]
    private var faults: [BaseFault] = []
    private var isCompleted = false
    private var actions: [Action] = []
    /// Chunks that came from the coordinator, and from workers.
    public private(set) var countFromCoordinator = 0
    public private(set) var countFromWorkers = 0

    /// - Parameter held: what is here already.
    public init(held: ChunkSet, chunkByteCount: Int) {
        self.held = held
        pace = BasePace(chunkByteCount: chunkByteCount)
    }

    /// The connection to the coordinator stands, for the first time or again.
    public mutating func didConnect() -> [Action] {
        actions.removeAll()
        // The coordinator numbers sources anew.
        for source in sources.keys.sorted() { actions.append(.leave(source: source)) }
        sources.removeAll()
        faults.removeAll()
        report()
        completeIfFull()
        return actions
    }

    /// The coordinator says from whom to get what.
    public mutating func take(_ message: BaseSources, now: Duration) -> [Action] {
        actions.removeAll()
        for source in message.sources where source.id != BaseDistribution.coordinatorID {
            for number in source.chunks {
                let chunk = Int(number)
                guard chunk < held.chunkCount, !held.contains(chunk) else { continue }
                var known = sources[source.id] ?? Source(endpoint: source.endpoint, lastHeard: now)
                guard known.pending.count < 4 * pace.window else { break }
                if known.pending.isEmpty { known.lastHeard = now }
                guard known.pending.insert(chunk).inserted else { continue }
                sources[source.id] = known
                actions.append(.ask(source, chunk: chunk))
            }
        }
        return actions
    }

    /// Whether a chunk from `source` (0: the coordinator) is one that is wanted from there.
    public func wants(_ chunk: Int, from source: UInt32) -> Bool {
        guard chunk < held.chunkCount, !held.contains(chunk) else { return false }
        return source == BaseDistribution.coordinatorID || sources[source]?.pending.contains(chunk) == true
    }

    /// A wanted chunk is here, checked and written.
    public mutating func didStore(_ chunk: Int, from source: UInt32, now: Duration) -> [Action] {
        actions.removeAll()
        guard !held.contains(chunk) else { return [] }
        held.insert(chunk)
        if source == BaseDistribution.coordinatorID {
            countFromCoordinator += 1
        } else {
            countFromWorkers += 1
        }
        sources[source]?.lastHeard = now
        // Also where another was asked for the same.
        for id in sources.keys { sources[id]?.pending.remove(chunk) }
        report()
        completeIfFull()
        return actions
    }

    /// A source does not do what it should: it is left, and asked for nothing more until the coordinator names it again.
    public mutating func didFail(_ source: UInt32, _ kind: BaseFault.Kind, chunk: Int? = nil) -> [Action] {
        actions.removeAll()
        leave(source, kind, chunk: chunk)
        if !faults.isEmpty { report() }
        return actions
    }

    public mutating func tick(now: Duration) -> [Action] {
        actions.removeAll()
        for (id, source) in sources.sorted(by: { $0.key < $1.key })
        where !source.pending.isEmpty && now - source.lastHeard > pace.patience {
            leave(id, .silent, chunk: nil)
        }
        if !faults.isEmpty { report() }
        return actions
    }

    private mutating func leave(_ id: UInt32, _ kind: BaseFault.Kind, chunk: Int?) {
        guard let source = sources.removeValue(forKey: id) else { return }
        guard !source.pending.isEmpty || kind == .wrongBytes else {
            // A connection that is not needed any more.
            return actions.append(.leave(source: id))
        }
        let fault = BaseFault(
            source: id, kind: kind, chunk: UInt32(chunk ?? source.pending.min() ?? 0))
        faults.append(fault)
        actions.append(.leave(source: id))
        actions.append(.fault(fault, endpoint: source.endpoint))
    }

    private mutating func report() {
        actions.append(.report(held: held.bytes, faults: faults))
        faults.removeAll()
    }

    private mutating func completeIfFull() {
        guard held.isFull, !isCompleted else { return }
        isCompleted = true
        for source in sources.keys.sorted() { actions.append(.leave(source: source)) }
        sources.removeAll()
        actions.append(.completed)
    }
}
