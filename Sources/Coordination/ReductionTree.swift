/// The binary tree over the micro-batches of a step in which their gradients are added.
///
/// Leaf i is micro-batch i; node (l, i) covers leaves [i·2^l, (i+1)·2^l) as far as they exist. A node whose right
/// child does not exist is its left child. The tree depends on the number of leaves alone, so the sum has the
/// same bits whoever computes which leaf.
public struct ReductionTree: Sendable, Equatable {
    /// A place in the tree.
    public struct Node: Hashable, Sendable, Comparable {
        /// 0 for a leaf.
        public var level: Int
        /// Position among the nodes of its level, from the left.
        public var index: Int

        public init(level: Int, index: Int) {
            self.level = level
            self.index = index
        }

        /// From the left; a node before those inside it.
        public static func < (left: Node, right: Node) -> Bool {
            let leftStart = left.index << left.level
            let rightStart = right.index << right.level
            return leftStart != rightStart ? leftStart < rightStart : left.level > right.level
        }
    }

    /// Largest number of leaves; bounds what a message can ask for.
    public static let maximumLeafCount = 1 << 16

    /// Micro-batches of the step.
    public let leafCount: Int

    /// - Precondition: `leafCount` is in 1…``maximumLeafCount``.
    public init(leafCount: Int) {
        precondition(
            leafCount >= 1 && leafCount <= Self.maximumLeafCount, "a reduction tree of \(leafCount) leaves")
        self.leafCount = leafCount
    }

    /// The node that covers all leaves.
    public var root: Node { canonical(Node(level: Self.depth(of: leafCount), index: 0)) }

    /// The leaves that `node` covers; empty when it does not exist.
    public func leaves(of node: Node) -> Range<Int> {
        guard node.level >= 0, node.level < 62, node.index >= 0, node.index <= leafCount >> node.level else {
            return 0..<0
        }
        let start = node.index << node.level
        guard start < leafCount else { return 0..<0 }
        return start..<min(start + (1 << node.level), leafCount)
    }

    /// Whether `node` covers a leaf.
    public func contains(_ node: Node) -> Bool { !leaves(of: node).isEmpty }

    /// The lowest node with the same leaves: a node whose right child is missing is its left child.
    public func canonical(_ node: Node) -> Node {
        var node = node
        while node.level > 0 {
            let right = Node(level: node.level - 1, index: 2 * node.index + 1)
            if contains(right) { break }
            node = Node(level: node.level - 1, index: 2 * node.index)
        }
        return node
    }

    /// The two canonical nodes whose sum `node` is; nil for a leaf.
    public func children(of node: Node) -> (left: Node, right: Node)? {
        let node = canonical(node)
        guard node.level > 0 else { return nil }
        return (
            canonical(Node(level: node.level - 1, index: 2 * node.index)),
            canonical(Node(level: node.level - 1, index: 2 * node.index + 1))
        )
    }

    /// The canonical node that `node` and its sibling add up to, with that sibling; nil for the root.
    public func parent(of node: Node) -> (parent: Node, sibling: Node, isLeftChild: Bool)? {
        var node = node
        let rootLevel = Self.depth(of: leafCount)
        while node.level < rootLevel {
            let sibling = Node(level: node.level, index: node.index ^ 1)
            let parent = Node(level: node.level + 1, index: node.index >> 1)
            if contains(sibling) { return (parent, canonical(sibling), node.index & 1 == 0) }
            node = parent
        }
        return nil
    }

    /// The fewest disjoint complete nodes that cover exactly `leaves`, canonical, from the left.
    public func maximalNodes(covering leaves: some Sequence<Int>) -> [Node] {
        var complete = Set<Node>()
        for leaf in leaves where leaf >= 0 && leaf < leafCount {
            var node = Node(level: 0, index: leaf)
            while let (parent, sibling, _) = parent(of: node), complete.contains(sibling) {
                complete.remove(sibling)
                node = parent
            }
            complete.insert(node)
        }
        return complete.sorted()
    }

    /// Adds values over the tree in its order, for sums small enough to be done in one place.
    ///
    /// - Parameter values: one per leaf, in order.
    public func fold<Value>(_ values: [Value], _ add: (Value, Value) -> Value) -> Value? {
        guard values.count == leafCount else { return nil }
        var level = values
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map { index in
                index + 1 < level.count ? add(level[index], level[index + 1]) : level[index]
            }
        }
        return level.first
    }

    /// The level at which one node covers `count` leaves.
    private static func depth(of count: Int) -> Int {
        count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }
}
