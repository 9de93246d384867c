import Coordination
import Testing

@Suite struct ReductionTreeTests {
    @Test("every node is the sum of its children, and the root covers all leaves", arguments: 1...40)
    func coversAllLeaves(leafCount: Int) {
        let tree = ReductionTree(leafCount: leafCount)
        #expect(tree.leaves(of: tree.root) == 0..<leafCount)
        var open = [tree.root]
        var visited: [Int] = []
        while let node = open.popLast() {
            #expect(tree.canonical(node) == node)
            guard let (left, right) = tree.children(of: node) else {
                visited.append(node.index)
                continue
            }
            #expect(tree.leaves(of: left).upperBound == tree.leaves(of: right).lowerBound)
            #expect(tree.parent(of: left)?.parent == node)
            #expect(tree.parent(of: right)?.sibling == left)
            open += [right, left]
        }
        #expect(visited == Array(0..<leafCount))
    }

    @Test("folds five leaves as ((0+1)+(2+3))+4")
    func foldsInTreeOrder() {
        let text = ReductionTree(leafCount: 5).fold(["0", "1", "2", "3", "4"]) { "(\($0)+\($1))" }
        #expect(text == "(((0+1)+(2+3))+4)")
        #expect(ReductionTree(leafCount: 5).fold(["0"]) { $0 + $1 } == nil)
    }

    @Test("nodes that do not exist cover nothing, whatever their numbers")
    func hostileNodesAreEmpty() {
        let tree = ReductionTree(leafCount: 5)
        for node in [
            ReductionTree.Node(level: 0, index: 5), .init(level: 3, index: 1), .init(level: 62, index: 1),
            .init(level: Int.max, index: Int.max), .init(level: -1, index: 0), .init(level: 0, index: -1),
            .init(level: 61, index: Int.max),
        ] {
            #expect(!tree.contains(node), "\(node)")
        }
    }
}
