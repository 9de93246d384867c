public import Coordination
public import Tensors
public import WireProtocol

/// Everything a process does for the sum of gradients: it keeps the partial sums of a step, runs the session of the
/// present generation, and holds chunks that arrive before their plan.
///
/// No sockets and no threads: one thread owns it, feeds it, and sends what it returns.
public struct Reducer {
    /// A step and the attempt at it, in a life of the coordinator.
    public struct Attempt: Hashable, Sendable, Comparable {
        public var term: UInt64
        public var step: UInt64
        public var generation: UInt64

        public init(term: UInt64, step: UInt64, generation: UInt64) {
            self.term = term
            self.step = step
            self.generation = generation
        }

        public static func < (left: Attempt, right: Attempt) -> Bool {
            (left.term, left.step, left.generation) < (right.term, right.step, right.generation)
        }
    }

    /// A chunk from another participant.
    public struct Incoming: Sendable {
        public var sender: UInt32
        public var attempt: Attempt
        /// Whether it is a finished chunk or a partial sum.
        public var isReduced: Bool
        public var chunk: GradientChunk
        /// Its elements; kept while they are needed.
        public var elements: Vector

        public init(
            sender: UInt32, attempt: Attempt, isReduced: Bool, chunk: GradientChunk, elements: Vector
        ) {
            self.sender = sender
            self.attempt = attempt
            self.isReduced = isReduced
            self.chunk = chunk
            self.elements = elements
        }
    }

    /// Elements held for attempts to come, as a multiple of the gradient; beyond it chunks are dropped.
    private static let maximumHeldGradients = 16
    /// The part of it that one sender may fill, so that it cannot crowd out the others.
    private static let maximumHeldGradientsOfSender = 8

    /// How the gradient is cut.
    public let layout: ChunkLayout
    /// The gradients of this step.
    public private(set) var store: PartialStore
    /// [parameterCount] the sum over all micro-batches, once ``gradientDigest`` is there.
    public let reduced: Vector
    /// What the session works on; nil while there is none.
    public private(set) var attempt: Attempt?
    private var session: ReductionSession?
    private var early: [Incoming] = []
    private var earlyElementCounts: [UInt32: Int] = [:]
    /// Chunks used in this attempt.
    private var used: Set<ChunkName> = []
    /// Chunks that were late, came twice, or were too many to hold.
    public private(set) var droppedChunkCount: UInt64 = 0

    private struct ChunkName: Hashable {
        var sender: UInt32
        var isReduced: Bool
        var chunk: UInt32
        var nodeLevel: UInt32
        var nodeIndex: UInt32
    }

    public init(layout: ChunkLayout) {
        self.layout = layout
        store = PartialStore(parameterCount: layout.parameterCount)
        reduced = Vector(zeros: layout.parameterCount)
    }

    /// SHA-256 of ``reduced``; nil while it is not whole.
    public var gradientDigest: [UInt8]? { session?.gradientDigest }

    /// Whose chunks the session waits for; nil while there is none.
    public var awaited: [AwaitedChunks]? { session?.awaited }

    /// Forgets everything, for a state that may be of an earlier step.
    public mutating func reset() {
        session = nil
        attempt = nil
        early = []
        earlyElementCounts = [:]
    }

    /// Forgets the step before.
    public mutating func begin(leafCount: Int) {
        session = nil
        store.begin(leafCount: leafCount)
    }

    /// A vector for a micro-batch's gradient.
    public mutating func takeBuffer() -> Vector { store.takeBuffer() }

    /// Gives back a vector whose gradient is not wanted any more.
    public mutating func returnBuffer(_ buffer: Vector) { store.returnBuffer(buffer) }

    /// Takes the gradient of a micro-batch; returns what can be sent now.
    public mutating func insert(_ gradient: Vector, leaf: Int) -> [ReductionSession.Outgoing] {
        store.insert(gradient, leaf: leaf)
        return contribute()
    }

    /// Starts a generation in place of any earlier one; returns what can be sent now.
    ///
    /// - Throws: ``CollectivesError`` with code `.badPlan`.
    public mutating func start(
        plan: Plan, participant: UInt32, attempt: Attempt
    ) throws(CollectivesError) -> [ReductionSession.Outgoing] {
        session = nil
        let leaves = Set((plan.participant(participant)?.leaves ?? []).map(Int.init))
        let lost = store.keep(only: leaves)
        guard lost.isEmpty else {
            throw CollectivesError(.badPlan, "the plan splits sums of micro-batches that were already added")
        }
        session = try ReductionSession(plan: plan, participant: participant, layout: layout, reduced: reduced)
        self.attempt = attempt
        used = []
        var outgoing = contribute()
        let waiting = early
        early = []
        earlyElementCounts = [:]
        for incoming in waiting {
            // A chunk nobody planned is the sender's fault; the others are not to suffer from it.
            do { outgoing += try receive(incoming) } catch { droppedChunkCount += 1 }
        }
        return outgoing
    }

    /// Gives up the session; gradients are kept.
    public mutating func abandon() { session = nil }

    /// Takes a chunk: used now, kept for its plan, or dropped when it is late.
    ///
    /// - Throws: ``CollectivesError`` when the plan says nothing of it; nothing is changed then.
    public mutating func receive(_ incoming: Incoming) throws(CollectivesError) -> [ReductionSession.Outgoing]
    {
        if let attempt, incoming.attempt < attempt {
            droppedChunkCount += 1
            return []
        }
        guard attempt == incoming.attempt, session != nil else {
            hold(incoming)
            return []
        }
        let chunk = Int(incoming.chunk.chunk)
        var outgoing: [ReductionSession.Outgoing] = []
        if incoming.isReduced {
            try session?.receiveReduced(incoming.elements, chunk: chunk, from: incoming.sender)
        } else {
            let node = ReductionTree.Node(
                level: Int(incoming.chunk.nodeLevel), index: Int(incoming.chunk.nodeIndex))
            outgoing =
                try session?.receivePartial(
                    incoming.elements, node: node, chunk: chunk, from: incoming.sender)
                ?? []
        }
        let name = ChunkName(
            sender: incoming.sender, isReduced: incoming.isReduced, chunk: incoming.chunk.chunk,
            nodeLevel: incoming.isReduced ? 0 : incoming.chunk.nodeLevel,
            nodeIndex: incoming.isReduced ? 0 : incoming.chunk.nodeIndex)
        if !used.insert(name).inserted { droppedChunkCount += 1 }
        return outgoing
    }

    /// Keeps a chunk for a plan that is on its way: one of this step or the next.
    private mutating func hold(_ incoming: Incoming) {
        // An empty chunk takes room as well.
        let count = max(incoming.elements.count, 1)
        let own = earlyElementCounts[incoming.sender] ?? 0
        let all = earlyElementCounts.values.reduce(0, +)
        guard incoming.elements.count <= layout.chunkElementCount,
            attempt.map({ incoming.attempt.step <= $0.step + 1 }) ?? true,
            own + count <= Self.maximumHeldGradientsOfSender * layout.parameterCount,
            all + count <= Self.maximumHeldGradients * layout.parameterCount
        else {
            droppedChunkCount += 1
            return
        }
        earlyElementCounts[incoming.sender] = own + count
        early.append(incoming)
    }

    private mutating func contribute() -> [ReductionSession.Outgoing] {
        guard let nodes = session?.owedNodes else { return [] }
        var outgoing: [ReductionSession.Outgoing] = []
        for node in nodes {
            guard let sum = store.partial(node) else { continue }
            outgoing += session?.contribute(sum, node: node) ?? []
        }
        return outgoing
    }
}
