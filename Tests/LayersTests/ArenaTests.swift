import Layers
import Tensors
import Testing

@Suite struct ArenaTests {
    @Test("gives disjoint memory, and the same again after a release")
    func isAStack() {
        let arena = Arena()
        let first = arena.vector(3)
        let mark = arena.mark
        let second = arena.matrix(rows: 2, columns: 5)
        for i in 0..<3 { first[i] = 1 }
        for row in 0..<2 { for column in 0..<5 { second.row(row)[column] = 2 } }
        #expect(first.toArray() == [1, 1, 1])
        arena.release(to: mark)
        let again = arena.matrix(rows: 2, columns: 5)
        #expect(again.storage === second.storage && again.offset == second.offset)
        #expect(again.offset % 16 == 0)
    }

    @Test("joins its chunks on reset and then grows no more")
    func stopsGrowing() {
        let arena = Arena()
        func use() -> [FloatStorage] {
            arena.reset()
            return [600_000, 700_000, 10, 900_000].map { arena.vector($0).storage }
        }
        let first = use()
        #expect(first[0] !== first[1])
        let second = use()
        #expect(second.allSatisfy { $0 === second[0] })
        let capacity = arena.capacity
        #expect(capacity == arena.peakCount)
        #expect(use().allSatisfy { $0 === second[0] })
        #expect(arena.capacity == capacity)
    }

    @Test("memory kept below a mark survives requests that need a new chunk")
    func chunksStay() {
        let arena = Arena()
        let kept = arena.vector(4)
        for i in 0..<4 { kept[i] = 7 }
        let mark = arena.mark
        for _ in 0..<3 {
            let large = arena.vector(2 << 20)
            large[0] = 1
            large[(2 << 20) - 1] = 1
            arena.release(to: mark)
        }
        #expect(kept.toArray() == [7, 7, 7, 7])
        #expect(arena.capacity == (1 << 20) + (2 << 20))
    }
}
