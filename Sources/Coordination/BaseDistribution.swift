public import WireProtocol

/// Who gets which chunk of the base from whom, decided by the coordinator.
///
/// It gives each chunk itself once, to one of those that lack it, and sends everybody else to a worker that has it: the
/// rarest chunk first, so that what only one has spreads. It gives a chunk again where all who have it are gone, or
/// are avoided by the one that lacks it. A pure function of its state, events and the time it is told.
public struct BaseDistribution: Sendable {
    public enum Action: Sendable, Equatable {
        /// From the coordinator's own files.
        case sendChunk(Int, to: ConnectionID)
        case sendSources(BaseSources, to: ConnectionID)
        case record(event: String, details: [String: String])
    }

    /// A worker that fetches the base, or has it.
    private struct Peer: Sendable {
        let id: UInt32
        var progress: BaseProgress
        var held: ChunkSet
        /// On their way to it: from whom, since when.
        var transfers: [Int: (source: UInt32, since: Duration)] = [:]
        /// The same as a set.
        var pending: ChunkSet
        /// Until when it does without whom.
        var avoided: [UInt32: Duration] = [:]
        /// Whether it came without the whole base, and when.
        let lacked: Bool
        let since: Duration
        var chunksFromCoordinator = 0
        var isReported = false
    }

    /// The coordinator as a source.
    public static let coordinatorID: UInt32 = 0
    private static let wrongBytesBan = Duration.seconds(1e9)
    private static let otherBan = Duration.seconds(15)

    private let chunkCount: Int
    private let chunkByteCount: Int
    private let pace: BasePace
    private let all: ChunkSet
    private var peers: [ConnectionID: Peer] = [:]
    private var nextID: UInt32 = 1
    /// Peers that hold a chunk.
    private var holderCounts: [Int]
    /// When the coordinator gave a chunk, while nobody has said that it is there.
    private var given: [Int: Duration] = [:]
    private var actions: [Action] = []
    /// Chunks that the coordinator gave, repeats included.
    public private(set) var givenCount = 0

    public init(chunkCount: Int, chunkByteCount: Int) {
        self.chunkCount = chunkCount
        self.chunkByteCount = chunkByteCount
        pace = BasePace(chunkByteCount: chunkByteCount)
        all = ChunkSet(chunkCount: chunkCount, isFull: true)
        holderCounts = [Int](repeating: 0, count: chunkCount)
    }

    /// What a worker says it has.
    ///
    /// - Returns: what to do; nil for a message that does not fit this base.
    public mutating func handle(
        _ progress: BaseProgress, from connection: ConnectionID, now: Duration
    ) -> [Action]? {
        guard let held = ChunkSet(chunkCount: chunkCount, bytes: progress.held) else { return nil }
        actions.removeAll()
        var peer =
            peers[connection]
            ?? Peer(
                id: nextID, progress: progress, held: ChunkSet(chunkCount: chunkCount),
                pending: ChunkSet(chunkCount: chunkCount), lacked: !held.isFull, since: now)
        if peer.id == nextID { nextID += 1 }
        peer.progress = progress
        // One that has less than before has started over.
        count(peer.held, except: held, by: -1)
        count(held, except: peer.held, by: 1)
        peer.held = held
        for chunk in peer.transfers.keys where held.contains(chunk) {
            peer.transfers[chunk] = nil
            peer.pending.remove(chunk)
        }
        for chunk in given.keys where held.contains(chunk) { given[chunk] = nil }
        peers[connection] = peer
        for fault in progress.faults { take(fault, from: connection, now: now) }
        report(connection)
        assignAll(now: now)
        return actions
    }

    /// A worker's connection is gone.
    public mutating func disconnect(_ connection: ConnectionID, now: Duration) -> [Action] {
        guard let peer = peers.removeValue(forKey: connection) else { return [] }
        actions.removeAll()
        count(peer.held, except: ChunkSet(chunkCount: chunkCount), by: -1)
        for (chunk, transfer) in peer.transfers where transfer.source == Self.coordinatorID {
            given[chunk] = nil
        }
        assignAll(now: now)
        return actions
    }

    /// Gives up what is under way for too long.
    public mutating func tick(now: Duration) -> [Action] {
        actions.removeAll()
        for (connection, peer) in peers {
            for (chunk, transfer) in peer.transfers {
                // A worker that waits for another says so by itself, earlier.
                let isOwn = transfer.source == Self.coordinatorID
                guard now - transfer.since > (isOwn ? pace.patience : pace.patience * 3) else { continue }
                peers[connection]?.transfers[chunk] = nil
                peers[connection]?.pending.remove(chunk)
            }
            for (source, until) in peer.avoided where now > until {
                peers[connection]?.avoided[source] = nil
            }
        }
        for (chunk, since) in given where now - since > pace.patience { given[chunk] = nil }
        assignAll(now: now)
        return actions
    }

    /// Those that lack a part of the base, and how far they are, by the chunks they have.
    ///
    /// - Parameter byteCount: of the whole base.
    public func fetching(byteCount: UInt64, now: Duration) -> [MemberStatus] {
        peers.values.filter { !$0.held.isFull }.sorted { $0.id < $1.id }.map { peer in
            let share = Double(peer.held.count) / Double(chunkCount)
            return MemberStatus(
                id: 0, host: peer.progress.host, processID: peer.progress.processID, threadCount: 0,
                state: .fetching, seconds: (now - peer.since).inSeconds, leavesPerSecond: 0, remark: "",
                fetchedByteCount: UInt64(Double(byteCount) * share), baseByteCount: byteCount)
        }
    }

    private mutating func count(_ chunks: ChunkSet, except others: ChunkSet, by change: Int) {
        chunks.forEach(except: [others]) {
            holderCounts[$0] += change
            return true
        }
    }

    private mutating func take(_ fault: BaseFault, from connection: ConnectionID, now: Duration) {
        guard let peer = peers[connection] else { return }
        for (chunk, transfer) in peer.transfers where transfer.source == fault.source {
            peers[connection]?.transfers[chunk] = nil
            peers[connection]?.pending.remove(chunk)
        }
        guard fault.source != Self.coordinatorID, fault.kind != .notHeld,
            let source = peers.values.first(where: { $0.id == fault.source })
        else { return }
        let isNew = peer.avoided[fault.source] == nil
        let ban = fault.kind == .wrongBytes ? Self.wrongBytesBan : Self.otherBan
        peers[connection]?.avoided[fault.source] = now + ban
        guard isNew else { return }
        actions.append(
            .record(
                event: "base_fault",
                details: [
                    "peer": source.progress.endpoint, "by": peer.progress.endpoint, "what": fault.kind.text,
                    "chunk": "\(fault.chunk)",
                ]))
    }

    /// Says once what it took to give a worker the base.
    private mutating func report(_ connection: ConnectionID) {
        guard let peer = peers[connection], peer.lacked, peer.held.isFull, !peer.isReported else { return }
        peers[connection]?.isReported = true
        actions.append(
            .record(
                event: "base_fetched",
                details: [
                    "by": peer.progress.endpoint, "chunks": "\(chunkCount)",
                    "chunk_bytes": "\(chunkByteCount)",
                    "chunks_from_coordinator": "\(peer.chunksFromCoordinator)",
                    "chunks_given_to_all": "\(givenCount)",
                ]))
    }

    // MARK: - Assigning

    private mutating func assignAll(now: Duration) {
        let order = peers.sorted { $0.value.id < $1.value.id }
        // The coordinator's chunks go round, one to each, so that all have something to give.
        let lacking = order.filter { !$0.value.held.isFull }.map(\.key)
        for connection in lacking { assignFromPeers(to: connection, now: now) }
        var open = lacking
        while !open.isEmpty {
            open = open.filter { give(to: $0, now: now) }
        }
    }

    /// Fills what a worker can get from others.
    private mutating func assignFromPeers(to connection: ConnectionID, now: Duration) {
        guard let lacking = peers[connection] else { return }
        var sources: [BaseSource] = []
        var pending = lacking.pending
        for (other, source) in peers.sorted(by: { $0.value.id < $1.value.id })
        where other != connection && !source.progress.endpoint.isEmpty && lacking.avoided[source.id] == nil {
            let underWay = lacking.transfers.values.count { $0.source == source.id }
            guard underWay < pace.window, lacking.transfers.count < pace.window * 4 else { continue }
            var candidates: [(holders: Int, order: Int, chunk: Int)] = []
            // Each begins elsewhere, so that they have different ones for one another.
            let offset = Int(lacking.id) &* 7919 % max(chunkCount, 1)
            source.held.forEach(except: [lacking.held, pending]) { chunk in
                candidates.append((holderCounts[chunk], (chunk + offset) % chunkCount, chunk))
                return true
            }
            let wanted = pace.window - underWay
            if candidates.count > wanted {
                candidates.sort { ($0.holders, $0.order) < ($1.holders, $1.order) }
            }
            let chunks = candidates.prefix(wanted).map { $0.chunk }
            guard !chunks.isEmpty else { continue }
            for chunk in chunks {
                pending.insert(chunk)
                peers[connection]?.transfers[chunk] = (source.id, now)
            }
            sources.append(
                BaseSource(
                    id: source.id, endpoint: source.progress.endpoint, publicKey: source.progress.publicKey,
                    chunks: chunks.map(UInt32.init)))
        }
        peers[connection]?.pending = pending
        if !sources.isEmpty {
            actions.append(.sendSources(BaseSources(sources: sources), to: connection))
        }
    }

    /// Gives a worker one chunk that it can get from nobody else.
    ///
    /// - Returns: false when there is none, or when enough is on its way to it.
    private mutating func give(to connection: ConnectionID, now: Duration) -> Bool {
        guard let peer = peers[connection],
            peer.transfers.values.count(where: { $0.source == Self.coordinatorID }) < pace.window
        else { return false }
        var elsewhere = ChunkSet(chunkCount: chunkCount)
        for (other, source) in peers
        where other != connection && !source.progress.endpoint.isEmpty && peer.avoided[source.id] == nil {
            elsewhere.formUnion(source.held)
        }
        var chosen: Int?
        all.forEach(except: [peer.held, peer.pending, elsewhere]) {
            // One that is on its way to another can be had from that one then.
            if given[$0] == nil { chosen = $0 }
            return chosen == nil
        }
        guard let chunk = chosen else { return false }
        given[chunk] = now
        givenCount += 1
        peers[connection]?.transfers[chunk] = (Self.coordinatorID, now)
        peers[connection]?.pending.insert(chunk)
        peers[connection]?.chunksFromCoordinator += 1
        actions.append(.sendChunk(chunk, to: connection))
        return true
    }
}

extension BaseFault.Kind {
    /// For logs: what the one it is about did.
    public var text: String {
        switch self {
        case .unreachable: "cannot be reached"
        case .silent: "sends nothing"
        case .wrongBytes: "sent wrong bytes"
        case .notHeld: "does not have what it said it has"
        }
    }
}
