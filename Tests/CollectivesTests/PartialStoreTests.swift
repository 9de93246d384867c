import Collectives
import Coordination
import Tensors
import Testing

/// `#expect` cannot call a mutating method.
private func expectEqual<Value: Equatable>(
    _ found: Value, _ expected: Value, location: SourceLocation = #_sourceLocation
) {
    #expect(found == expected, sourceLocation: location)
}

@Suite struct PartialStoreTests {
    @Test("leaves in any order leave exactly the maximal nodes, with few vectors")
    func foldsWhatIsComplete() {
        for seed in 0..<50 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let leafCount = Int.random(in: 1...33, using: &generator)
            let tree = ReductionTree(leafCount: leafCount)
            let owned = (0..<leafCount).filter { _ in Bool.random(using: &generator) }
            var store = PartialStore(parameterCount: 3)
            store.begin(leafCount: leafCount)
            for leaf in owned.shuffled(using: &generator) {
                let buffer = store.takeBuffer()
                buffer.copy(from: Vector([Float(leaf), 1, 0.5]))
                expectEqual(store.insert(buffer, leaf: leaf), true)
            }
            let nodes = tree.maximalNodes(covering: owned)
            #expect(nodes.flatMap { Array(tree.leaves(of: $0)) } == owned)
            for node in nodes {
                let leaves = tree.leaves(of: node)
                #expect(store.partial(node)?.toArray()[1] == Float(leaves.count))
                #expect(store.partial(node)?.toArray()[0] == Float(leaves.reduce(0, +)))
            }
        }
    }

    @Test("a leaf is taken once")
    func ignoresASecondLeaf() {
        var store = PartialStore(parameterCount: 1)
        store.begin(leafCount: 2)
        expectEqual(store.insert(Vector([1]), leaf: 0), true)
        expectEqual(store.insert(Vector([5]), leaf: 0), false)
        expectEqual(store.insert(Vector([5]), leaf: 2), false)
        #expect(store.partial(.init(level: 0, index: 0))?.toArray() == [1])
    }

    @Test("taking leaves away drops the sums they are part of and names what is lost with them")
    func dropsForeignLeaves() {
        var store = PartialStore(parameterCount: 1)
        store.begin(leafCount: 8)
        for leaf in 0..<6 { store.insert(Vector([Float(leaf)]), leaf: leaf) }
        expectEqual(store.keep(only: [0, 1, 2, 4, 5]), [0, 1, 2])
        #expect(store.heldLeaves == [4, 5])
        #expect(store.partial(.init(level: 1, index: 2))?.toArray() == [9])
        expectEqual(store.keep(only: [0, 1, 2, 4, 5]), [])
    }
}
