import Coordination
import Tensors

/// One chunk at its owner: gathers the partial sums that cover the tree and adds them in its order.
struct ChunkFold {
    private let tree: ReductionTree
    private let elementCount: Int
    /// Nodes still to come.
    private(set) var missing: Set<ReductionTree.Node>
    private var partials: [ReductionTree.Node: Vector] = [:]

    /// - Parameter nodes: disjoint canonical nodes that cover all leaves.
    init(tree: ReductionTree, nodes: some Sequence<ReductionTree.Node>, elementCount: Int) {
        self.tree = tree
        self.elementCount = elementCount
        missing = Set(nodes)
    }

    /// Whether every leaf is covered.
    var isComplete: Bool { missing.isEmpty }

    /// Takes a node's partial sum; a second one for the same node is ignored.
    ///
    /// - Returns: true when this completes the chunk.
    mutating func insert(_ elements: Vector, node: ReductionTree.Node) -> Bool {
        precondition(
            elements.count == elementCount, "\(elements.count) elements in a chunk of \(elementCount)")
        guard missing.remove(node) != nil else { return false }
        partials[node] = elements
        return missing.isEmpty
    }

    /// Writes the sum over all leaves into `destination` and forgets the partial sums.
    ///
    /// No partial sum is changed: those of this process are needed again if the generation fails.
    /// - Parameter scratch: one vector a level, at least as long as a chunk; grown when too few.
    mutating func finish(into destination: Vector, scratch: inout [Vector]) {
        precondition(isComplete, "folding a chunk that misses \(missing.count) partial sums")
        let sum = evaluate(tree.root, into: destination, scratch: &scratch)
        if sum.storage !== destination.storage || sum.offset != destination.offset {
            destination.copy(from: sum)
        }
        partials.removeAll()
    }

    /// The sum over `node`: a partial sum as it is, or `destination` filled.
    private func evaluate(
        _ node: ReductionTree.Node, into destination: Vector, scratch: inout [Vector]
    ) -> Vector {
        if let partial = partials[node] { return partial }
        guard let (left, right) = tree.children(of: node) else {
            preconditionFailure("leaf \(node.index) has no partial sum")
        }
        let leftSum = evaluate(left, into: destination, scratch: &scratch)
        // The right side's intermediate sums lie at lower levels, so this level's scratch is free.
        while scratch.count <= node.level { scratch.append(Vector(zeros: elementCount)) }
        if scratch[node.level].count < elementCount { scratch[node.level] = Vector(zeros: elementCount) }
        let space = scratch[node.level][0..<elementCount]
        let rightSum = evaluate(right, into: space, scratch: &scratch)
        add(leftSum, rightSum, into: destination)
        return destination
    }
}
