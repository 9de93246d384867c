import Coordination
import Testing
import WireProtocol

@Suite struct PlanBuilderTests {
    private let layout = ChunkLayout(parameterCount: 1_000_000)

    private func workers(_ threads: [Int], seconds: [Double?]? = nil) -> [PlanBuilder.Worker] {
        threads.enumerated().map { index, count in
            PlanBuilder.Worker(
                id: UInt32(index + 1), threadCount: count, secondsPerLeaf: seconds?[index])
        }
    }

    private func counts(_ plan: Plan) -> [Int] { plan.participants.map(\.leaves.count) }

    @Test("equal workers get equal aligned runs")
    func equalWorkers() {
        let plan = PlanBuilder.plan(leafCount: 8, layout: layout, workers: workers([1, 1]))
        #expect(plan.participants.map(\.leaves) == [[0, 1, 2, 3], [4, 5, 6, 7]])
        #expect(plan.fault(layout: layout) == nil)
    }

    @Test("threads and measured rates decide the counts")
    func proportionalToRates() {
        #expect(counts(PlanBuilder.plan(leafCount: 12, layout: layout, workers: workers([3, 1]))) == [9, 3])
        #expect(
            counts(
                PlanBuilder.plan(
                    leafCount: 12, layout: layout, workers: workers([1, 1], seconds: [1, 3]))) == [9, 3])
        // A worker nobody has measured yet counts as the others do.
        #expect(
            counts(
                PlanBuilder.plan(
                    leafCount: 12, layout: layout, workers: workers([1, 1], seconds: [2, nil]))) == [6, 6])
    }

    @Test("every worker gets a leaf while there are enough, and all take part in any case")
    func everyWorkerGetsSome() {
        let slow = PlanBuilder.plan(
            leafCount: 4, layout: layout, workers: workers([1, 1, 1], seconds: [0.001, 100, 100]))
        #expect(counts(slow) == [2, 1, 1])
        let few = PlanBuilder.plan(leafCount: 2, layout: layout, workers: workers([1, 1, 1]))
        #expect(counts(few).sorted() == [0, 1, 1])
        #expect(few.fault(layout: layout) == nil)
    }

    @Test("survivors keep their leaves and share out the others")
    func survivorsKeepLeaves() {
        var survivors = workers([1, 1])
        survivors[0].heldLeaves = [0, 1, 2]
        survivors[1].heldLeaves = [6, 7]
        survivors[1].pendingLeafCount = 2
        let plan = PlanBuilder.plan(leafCount: 8, layout: layout, workers: survivors)
        #expect(plan.fault(layout: layout) == nil)
        #expect(Set(plan.participants[0].leaves).isSuperset(of: [0, 1, 2]))
        #expect(Set(plan.participants[1].leaves).isSuperset(of: [6, 7]))
        // The one with nothing left to compute takes more.
        #expect(counts(plan) == [6, 2] || counts(plan) == [5, 3])
    }

    @Test("chunks go round in a mesh and all to the coordinator in a star")
    func chunkOwners() {
        let mesh = PlanBuilder.plan(leafCount: 4, layout: layout, workers: workers([1, 1, 1]), rotation: 1)
        #expect(mesh.chunkOwners.count == layout.count)
        #expect(Array(mesh.chunkOwners.prefix(4)) == [2, 3, 1, 2])
        let star = PlanBuilder.plan(
            leafCount: 4, layout: layout, workers: workers([1, 1]),
            reducer: Plan.Participant(id: 0, dataEndpoint: "tcp://c", publicKey: "k", leaves: []))
        #expect(Set(star.chunkOwners) == [0])
        #expect(star.participants.map(\.id) == [0, 1, 2])
        #expect(star.fault(layout: layout) == nil)
    }

    @Test("chunks cover the gradient once", arguments: [1, 17, 4096, 4097, 1_000_000, 134_515_008])
    func chunksCover(parameterCount: Int) {
        let layout = ChunkLayout(parameterCount: parameterCount)
        #expect(layout.range(0).lowerBound == 0)
        for index in 1..<max(layout.count, 1) where layout.count > 1 {
            #expect(layout.range(index).lowerBound == layout.range(index - 1).upperBound)
        }
        #expect(layout.range(layout.count - 1).upperBound == parameterCount)
        #expect(layout.chunkElementCount <= ChunkLayout.maximumElementCount)
    }
}
