public import Coordination
public import Tensors
public import WireProtocol

/// One process's part in one generation's all-reduce: which partial sum goes to whom, which chunks it finishes.
///
/// The owner of a chunk gathers the partial sums of all participants, adds them in the tree's order, and sends the
/// result to everyone. Whether the owners are the workers (mesh) or the coordinator (star) is the plan's matter.
/// A session has no sockets: it takes what came and returns what is to be sent.
public struct ReductionSession {
    /// One chunk to send.
    public struct Outgoing: Sendable {
        /// The participant to send to.
        public var peer: UInt32
        /// Whether it is a finished chunk or a partial sum.
        public var isReduced: Bool
        /// The partial sum's node; the root for a finished chunk.
        public var node: ReductionTree.Node
        public var chunk: Int
        /// A view, valid until the partial store or the reduced vector is written again: copy it at once.
        public var elements: Vector
    }

    /// This process's id in the plan.
    public let participant: UInt32
    public let plan: Plan
    public let layout: ChunkLayout
    /// The canonical nodes this process owes, from the left.
    public let ownNodes: [ReductionTree.Node]
    /// [parameterCount] the sum over all leaves; whole once ``isComplete``.
    public let reduced: Vector
    private let tree: ReductionTree
    private let ownerOfNode: [ReductionTree.Node: UInt32]
    private var contributed: Set<ReductionTree.Node> = []
    private var folds: [Int: ChunkFold] = [:]
    private var missingChunks: Int
    private var isPresent: [Bool]
    private var digest: GradientDigest
    private var scratch: [Vector] = []
    /// Chunks that came from each participant.
    private var receivedCounts: [UInt32: Int] = [:]

    /// Starts a generation.
    ///
    /// - Parameter reduced: [parameterCount] overwritten chunk by chunk.
    /// - Throws: ``CollectivesError`` with code `.badPlan` when the plan does not cover each leaf once, names
    ///   owners that do not take part, or does not fit the gradient.
    public init(plan: Plan, participant: UInt32, layout: ChunkLayout, reduced: Vector)
        throws(CollectivesError)
    {
        if let fault = plan.fault(layout: layout) { throw CollectivesError(.badPlan, fault) }
        precondition(reduced.count == layout.parameterCount, "\(reduced.count) of \(layout.parameterCount)")
        let tree = ReductionTree(leafCount: Int(plan.leafCount))
        var ownerOfNode: [ReductionTree.Node: UInt32] = [:]
        var ownNodes: [ReductionTree.Node] = []
        for member in plan.participants {
            let nodes = tree.maximalNodes(covering: member.leaves.map(Int.init))
            for node in nodes { ownerOfNode[node] = member.id }
            if member.id == participant { ownNodes = nodes }
        }
        self.participant = participant
        self.plan = plan
        self.layout = layout
        self.ownNodes = ownNodes
        self.reduced = reduced
        self.tree = tree
        self.ownerOfNode = ownerOfNode
        missingChunks = layout.count
        isPresent = Array(repeating: false, count: layout.count)
        digest = GradientDigest(chunkCount: layout.count)
        for (chunk, owner) in plan.chunkOwners.enumerated() where owner == participant {
            folds[chunk] = ChunkFold(
                tree: tree, nodes: ownerOfNode.keys, elementCount: layout.range(chunk).count)
        }
    }

    /// Whether the whole reduced gradient is here.
    public var isComplete: Bool { missingChunks == 0 }

    /// SHA-256 of the reduced gradient; nil before it is complete.
    public var gradientDigest: [UInt8]? { isComplete ? digest.finish() : nil }

    /// Whose chunks are still to come, by id.
    public var awaited: [AwaitedChunks] {
        var owesPartials: [UInt32: Bool] = [:]
        for (chunk, owner) in plan.chunkOwners.enumerated() where !isPresent[chunk] && owner != participant {
            owesPartials[owner] = owesPartials[owner] ?? false
        }
        for fold in folds.values {
            for node in fold.missing {
                if let owner = ownerOfNode[node], owner != participant { owesPartials[owner] = true }
            }
        }
        return owesPartials.sorted { $0.key < $1.key }.map {
            AwaitedChunks(peer: $0.key, owesPartials: $0.value, receivedCount: receivedCounts[$0.key] ?? 0)
        }
    }

    /// The nodes this process owes and has not given yet.
    public var owedNodes: [ReductionTree.Node] { ownNodes.filter { !contributed.contains($0) } }

    /// Takes a partial sum of this process over one of ``ownNodes``.
    ///
    /// - Parameter sum: [parameterCount] not to be written before the step is committed or given up.
    /// - Returns: its chunks for their owners, and chunks that this finished.
    public mutating func contribute(_ sum: Vector, node: ReductionTree.Node) -> [Outgoing] {
        precondition(sum.count == layout.parameterCount, "\(sum.count) of \(layout.parameterCount) elements")
        guard ownerOfNode[node] == participant, contributed.insert(node).inserted else { return [] }
        var outgoing: [Outgoing] = []
        for (chunk, owner) in plan.chunkOwners.enumerated() {
            let elements = sum[layout.range(chunk)]
            if owner == participant {
                outgoing += insert(elements, node: node, chunk: chunk)
            } else {
                outgoing.append(
                    Outgoing(peer: owner, isReduced: false, node: node, chunk: chunk, elements: elements))
            }
        }
        return outgoing
    }

    /// Takes a chunk of another participant's partial sum.
    ///
    /// - Parameter elements: kept until the chunk is finished.
    /// - Returns: the finished chunk for everyone, when this completed it.
    /// - Throws: ``CollectivesError`` when the plan says nothing of it.
    public mutating func receivePartial(
        _ elements: Vector, node: ReductionTree.Node, chunk: Int, from sender: UInt32
    ) throws(CollectivesError) -> [Outgoing] {
        guard sender != participant, ownerOfNode[node] == sender else {
            throw CollectivesError(
                .unexpected,
                "participant \(sender) sent a partial sum over node (\(node.level), \(node.index)), "
                    + "which the plan does not give it")
        }
        try check(elements, chunk: chunk, owner: participant, sender: sender)
        receivedCounts[sender, default: 0] += 1
        return insert(elements, node: node, chunk: chunk)
    }

    /// Takes a finished chunk; a second one is ignored.
    ///
    /// - Throws: ``CollectivesError`` when the sender does not own the chunk.
    public mutating func receiveReduced(
        _ elements: Vector, chunk: Int, from sender: UInt32
    ) throws(CollectivesError) {
        guard sender != participant else {
            throw CollectivesError(.unexpected, "participant \(sender) received a chunk of itself")
        }
        try check(elements, chunk: chunk, owner: sender, sender: sender)
        receivedCounts[sender, default: 0] += 1
        guard !isPresent[chunk] else { return }
        reduced[layout.range(chunk)].copy(from: elements)
        finish(chunk)
    }

    private func check(
        _ elements: Vector, chunk: Int, owner: UInt32, sender: UInt32
    ) throws(CollectivesError) {
        guard chunk >= 0, chunk < layout.count, plan.chunkOwners[chunk] == owner else {
            throw CollectivesError(
                .unexpected, "participant \(sender) sent chunk \(chunk), which is not for \(owner) to finish")
        }
        guard elements.count == layout.range(chunk).count else {
            throw CollectivesError(
                .wrongLength,
                "participant \(sender) sent \(elements.count) elements of chunk \(chunk), "
                    + "which has \(layout.range(chunk).count)")
        }
    }

    private mutating func insert(_ elements: Vector, node: ReductionTree.Node, chunk: Int) -> [Outgoing] {
        guard folds[chunk]?.insert(elements, node: node) == true, var fold = folds.removeValue(forKey: chunk)
        else { return [] }
        let destination = reduced[layout.range(chunk)]
        fold.finish(into: destination, scratch: &scratch)
        finish(chunk)
        return plan.participants.filter { $0.id != participant }.map {
            Outgoing(peer: $0.id, isReduced: true, node: tree.root, chunk: chunk, elements: destination)
        }
    }

    private mutating func finish(_ chunk: Int) {
        isPresent[chunk] = true
        missingChunks -= 1
        digest.add(reduced[layout.range(chunk)], chunk: chunk)
    }
}
