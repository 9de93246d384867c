public import Coordination
public import Tensors

/// The gradients a worker holds of the current step, as the largest complete nodes of the reduction tree.
///
/// A leaf that completes a node is added to its sibling at once, so a worker holds few vectors. That is in place,
/// which is allowed here: a worker keeps its leaves in every later generation of the step, so no plan can ask
/// for one of the two alone. Vectors are reused from step to step.
public struct PartialStore: Sendable {
    /// Elements of a gradient.
    public let parameterCount: Int
    /// The leaves that are part of what is held.
    public private(set) var heldLeaves: Set<Int> = []
    private var tree: ReductionTree?
    private var partials: [ReductionTree.Node: Vector] = [:]
    private var freeBuffers: [Vector] = []

    /// Starts empty; buffers are allocated when first asked for.
    public init(parameterCount: Int) { self.parameterCount = parameterCount }

    /// Forgets the step before and takes up one with `leafCount` leaves.
    public mutating func begin(leafCount: Int) {
        tree = ReductionTree(leafCount: leafCount)
        freeBuffers.append(contentsOf: partials.values)
        partials.removeAll(keepingCapacity: true)
        heldLeaves.removeAll(keepingCapacity: true)
    }

    /// A vector for one leaf's gradient; its elements are arbitrary.
    public mutating func takeBuffer() -> Vector {
        freeBuffers.popLast() ?? Vector(zeros: parameterCount)
    }

    /// Gives back a vector from ``takeBuffer()`` that is not going to be inserted.
    public mutating func returnBuffer(_ buffer: Vector) { freeBuffers.append(buffer) }

    /// Takes over a leaf's gradient and adds up what it completes.
    ///
    /// - Returns: false when the leaf is held already or not of this step; the vector is then free again.
    @discardableResult
    public mutating func insert(_ gradient: Vector, leaf: Int) -> Bool {
        guard let tree, leaf >= 0, leaf < tree.leafCount, heldLeaves.insert(leaf).inserted else {
            freeBuffers.append(gradient)
            return false
        }
        var node = ReductionTree.Node(level: 0, index: leaf)
        var sum = gradient
        while let (parent, sibling, isLeft) = tree.parent(of: node),
            let other = partials.removeValue(forKey: sibling)
        {
            let left = isLeft ? sum : other
            let right = isLeft ? other : sum
            add(left, right, into: left)
            freeBuffers.append(right)
            sum = left
            node = parent
        }
        partials[node] = sum
        return true
    }

    /// Drops what includes leaves other than `leaves`, so that a plan may take some away.
    ///
    /// - Returns: those of `leaves` that went with them and have to be computed again, in order.
    public mutating func keep(only leaves: Set<Int>) -> [Int] {
        guard let tree, !heldLeaves.isSubset(of: leaves) else { return [] }
        var lost: [Int] = []
        for (node, sum) in partials {
            let covered = tree.leaves(of: node)
            if covered.allSatisfy({ leaves.contains($0) }) { continue }
            partials[node] = nil
            freeBuffers.append(sum)
            heldLeaves.subtract(covered)
            lost.append(contentsOf: covered.filter { leaves.contains($0) })
        }
        return lost.sorted()
    }

    /// The sum over `node`, once all its leaves are held and the node is as large as they allow.
    public func partial(_ node: ReductionTree.Node) -> Vector? { partials[node] }
}
