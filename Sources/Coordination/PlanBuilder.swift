public import WireProtocol

/// Deals the micro-batches of a step to workers, and its chunks to those who finish them.
///
/// The plan decides only who works how long: the tree's sum is the same under any plan.
public enum PlanBuilder {
    /// What dealing looks at in a worker.
    public struct Worker: Sendable, Equatable {
        public var id: UInt32
        public var dataEndpoint: String
        public var publicKey: String
        /// Micro-batches it computes at once.
        public var threadCount: Int
        /// Measured wall seconds of one micro-batch on one of its threads; nil before the first.
        public var secondsPerLeaf: Double?
        /// Leaves it computed or is computing in this step; they stay with it.
        public var heldLeaves: Set<UInt32>
        /// How many of `heldLeaves` are still to be computed.
        public var pendingLeafCount: Int

        public init(
            id: UInt32, dataEndpoint: String = "", publicKey: String = "", threadCount: Int,
            secondsPerLeaf: Double? = nil, heldLeaves: Set<UInt32> = [], pendingLeafCount: Int = 0
        ) {
            self.id = id
            self.dataEndpoint = dataEndpoint
            self.publicKey = publicKey
            self.threadCount = threadCount
            self.secondsPerLeaf = secondsPerLeaf
            self.heldLeaves = heldLeaves
            self.pendingLeafCount = pendingLeafCount
        }
    }

    /// A plan over `workers`, which keep what they hold.
    ///
    /// Leaves go one by one to the worker that would finish its next one first, in aligned runs where counts allow;
    /// every worker gets one while there are enough.
    /// - Parameters:
    ///   - followers: participants that compute nothing and are sent the reduced gradient.
    ///   - reducer: under `collective: star` the coordinator as a participant (id 0); nil for a mesh.
    ///   - owners: those that may finish chunks, because all reach them; nil for every worker.
    ///   - rotation: shifts whose chunk comes first, so that the odd chunk wanders from step to step.
    /// - Precondition: `workers` is not empty; held leaves are disjoint.
    public static func plan(
        leafCount: Int, layout: ChunkLayout, workers: [Worker], followers: [Plan.Participant] = [],
        reducer: Plan.Participant? = nil,
        owners eligible: Set<UInt32>? = nil, rotation: UInt64 = 0
    ) -> Plan {
        precondition(!workers.isEmpty, "a plan without workers")
        let workers = workers.sorted { $0.id < $1.id }
        let dealt = deal(leafCount: leafCount, to: workers)
        var participants = zip(workers, dealt).map { worker, leaves in
            Plan.Participant(
                id: worker.id, dataEndpoint: worker.dataEndpoint, publicKey: worker.publicKey, leaves: leaves)
        }
        participants += followers
        let owners: [UInt32]
        if let reducer {
            owners = Array(repeating: reducer.id, count: layout.count)
            participants.insert(reducer, at: 0)
        } else {
            let able = workers.filter { eligible?.contains($0.id) ?? true }
            precondition(!able.isEmpty, "a plan in which nobody finishes chunks")
            let first = Int(rotation % UInt64(able.count))
            owners = (0..<layout.count).map { able[(first + $0) % able.count].id }
        }
        return Plan(
            leafCount: UInt32(leafCount), chunkElementCount: UInt32(layout.chunkElementCount),
            chunkOwners: owners, participants: participants)
    }

    /// The leaves of each worker, ascending.
    private static func deal(leafCount: Int, to workers: [Worker]) -> [[UInt32]] {
        var leaves = workers.map { $0.heldLeaves.filter { $0 < leafCount } }
        let taken = leaves.reduce(into: Set<UInt32>()) { $0.formUnion($1) }
        let open = (0..<UInt32(leafCount)).filter { !taken.contains($0) }
        let counts = counts(of: open.count, workers: workers)
        // The longest run first: counts such as 4, 2, 2 then fall on whole nodes of the tree.
        var next = 0
        for index in workers.indices.sorted(by: { (counts[$0], $1) > (counts[$1], $0) }) {
            leaves[index].formUnion(open[next..<next + counts[index]])
            next += counts[index]
        }
        return leaves.map { $0.sorted() }
    }

    /// How many of `count` open leaves each worker gets.
    private static func counts(of count: Int, workers: [Worker]) -> [Int] {
        let known = workers.compactMap(\.secondsPerLeaf).filter { $0 > 0 && $0.isFinite }
        let typical = known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
        var counts = workers.map { _ in 0 }
        /// When worker `index` would be done with one leaf more, and how full its threads are then.
        func finish(_ index: Int) -> (Double, Double) {
            let worker = workers[index]
            let threads = max(worker.threadCount, 1)
            let seconds = worker.secondsPerLeaf.map { $0 > 0 && $0.isFinite ? $0 : typical } ?? typical
            let load = worker.pendingLeafCount + counts[index] + 1
            return (Double((load + threads - 1) / threads) * seconds, Double(load) / Double(threads))
        }
        var remaining = count
        if count >= workers.count {
            for index in workers.indices where workers[index].heldLeaves.isEmpty {
                counts[index] = 1
                remaining -= 1
            }
        }
        for _ in 0..<remaining {
            let best = workers.indices.min { finish($0) < finish($1) } ?? 0
            counts[best] += 1
        }
        return counts
    }
}
