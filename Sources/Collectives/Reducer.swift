public import Coordination
public import Tensors
public import WireProtocol

/// Everything a process does for the sum of gradients: it keeps the partial sums of a step, runs the session of the
/// present generation, and holds chunks that arrive before their plan.
///
/// No sockets and no threads: one thread owns it, feeds it, and sends what it returns.
public struct Reducer {
    /// A step and the attempt at it.
    public struct Attempt: Hashable, Sendable, Comparable {
        public var step: UInt64
        public var generation: UInt64

        public init(step: UInt64, generation: UInt64) {
            self.step = step
            self.generation = generation
        }

        public static func < (left: Attempt, right: Attempt) -> Bool {
            (left.step, left.generation) < (right.step, right.generation)
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
    private var earlyElementCount = 0

    public init(layout: ChunkLayout) {
        self.layout = layout
        store = PartialStore(parameterCount: layout.parameterCount)
        reduced = Vector(zeros: layout.parameterCount)
    }

    /// SHA-256 of ``reduced``; nil while it is not whole.
    public var gradientDigest: [UInt8]? { session?.gradientDigest }

    /// Forgets everything, for a state that may be of an earlier step.
    public mutating func reset() {
        session = nil
        attempt = nil
        early = []
        earlyElementCount = 0
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
        var outgoing = contribute()
        let waiting = early
        early = []
        earlyElementCount = 0
        for incoming in waiting {
            // A chunk nobody planned is the sender's fault; the others are not to suffer from it.
            outgoing += (try? receive(incoming)) ?? []
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
        if let attempt, incoming.attempt < attempt { return [] }
        guard attempt == incoming.attempt, session != nil else {
            hold(incoming)
            return []
        }
        let chunk = Int(incoming.chunk.chunk)
        if incoming.isReduced {
            try session?.receiveReduced(incoming.elements, chunk: chunk, from: incoming.sender)
            return []
        }
        let node = ReductionTree.Node(
            level: Int(incoming.chunk.nodeLevel), index: Int(incoming.chunk.nodeIndex))
        return try session?.receivePartial(incoming.elements, node: node, chunk: chunk, from: incoming.sender)
            ?? []
    }

    private mutating func hold(_ incoming: Incoming) {
        guard incoming.elements.count <= layout.chunkElementCount,
            earlyElementCount + incoming.elements.count <= Self.maximumHeldGradients * layout.parameterCount
        else { return }
        earlyElementCount += incoming.elements.count
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
