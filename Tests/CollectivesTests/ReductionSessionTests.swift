import Collectives
import Coordination
import Tensors
import Testing
import WireProtocol

@Suite struct ReductionSessionTests {
    /// Values of very different magnitudes, so that another order of additions gives other bits.
    private static func gradient(leaf: Int, count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed &* 1000 &+ UInt64(leaf))
        return (0..<count).map { _ in
            Float.random(in: -1...1, using: &generator) * Float.random(in: 0.001...1000, using: &generator)
        }
    }

    /// The sum in the tree's order, written the slow way.
    private static func serialSum(_ leaves: [[Float]]) -> [Float] {
        let tree = ReductionTree(leafCount: leaves.count)
        return tree.fold(leaves) { left, right in zip(left, right).map { $0 + $1 } } ?? []
    }

    private static func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

    struct Case: CustomTestStringConvertible, Sendable {
        var participants: Int
        var isStar: Bool
        var testDescription: String { "\(participants) workers, \(isStar ? "star" : "mesh")" }
    }
    static let cases = (1...5).flatMap { count in
        [false, true].map { Case(participants: count, isStar: $0) }
    }

    @Test("equals the serial tree sum to the bit for any assignment and order of arrival", arguments: cases)
    func equalsSerialSum(_ testCase: Case) throws {
        for seed in 0..<30 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let leafCount = Int.random(in: 1...17, using: &generator)
            let elementCount = Int.random(in: 1...75, using: &generator) * 2 - 1
            let layout = ChunkLayout(
                parameterCount: elementCount, chunkElementCount: Int.random(in: 1...20, using: &generator))
            let leaves = (0..<leafCount).map { Self.gradient(leaf: $0, count: elementCount, seed: seed) }
            let plan = Self.randomPlan(
                testCase, leafCount: leafCount, layout: layout, generator: &generator)
            let expected = Self.serialSum(leaves)
            let results = try Self.run(
                plan: plan, layout: layout, leaves: leaves, generator: &generator)
            for (id, result) in results {
                #expect(
                    Self.bits(result.values) == Self.bits(expected),
                    "seed \(seed), participant \(id), \(leafCount) leaves, \(elementCount) elements")
            }
            #expect(Set(results.values.map(\.digest)).count == 1)
        }
    }

    @Test("the digest of a gradient does not depend on the number of workers")
    func digestIsOfTheGradientAlone() throws {
        let layout = ChunkLayout(parameterCount: 10_001)
        let leaves = (0..<8).map { Self.gradient(leaf: $0, count: 10_001, seed: 3) }
        var digests = Set<[UInt8]>()
        for count in 1...4 {
            var generator = SeededGenerator(seed: UInt64(count))
            let plan = PlanBuilder.plan(
                leafCount: 8, layout: layout,
                workers: (1...UInt32(count)).map { PlanBuilder.Worker(id: $0, threadCount: 1) })
            let results = try Self.run(plan: plan, layout: layout, leaves: leaves, generator: &generator)
            digests.formUnion(results.values.map(\.digest))
        }
        #expect(digests.count == 1)
    }

    @Test("what the plan does not foresee is refused and changes nothing")
    func refusesWhatIsNotPlanned() throws {
        let layout = ChunkLayout(parameterCount: 10, chunkElementCount: 4)
        let plan = Plan(
            leafCount: 2, chunkElementCount: 4, chunkOwners: [1, 2, 1],
            participants: [
                .init(id: 1, dataEndpoint: "", publicKey: "", leaves: [0]),
                .init(id: 2, dataEndpoint: "", publicKey: "", leaves: [1]),
            ])
        var session = try ReductionSession(
            plan: plan, participant: 1, layout: layout, reduced: Vector(zeros: 10))
        let right = ReductionTree.Node(level: 0, index: 1)
        let left = ReductionTree.Node(level: 0, index: 0)
        let four = Vector(zeros: 4)
        #expect(throws: CollectivesError.self) {
            _ = try session.receivePartial(four, node: left, chunk: 0, from: 2)
        }
        #expect(throws: CollectivesError.self) {
            _ = try session.receivePartial(four, node: right, chunk: 1, from: 2)
        }
        #expect(throws: CollectivesError.self) {
            _ = try session.receivePartial(four, node: right, chunk: 2, from: 2)
        }
        #expect(throws: CollectivesError.self) {
            _ = try session.receivePartial(four, node: right, chunk: 3, from: 2)
        }
        #expect(throws: CollectivesError.self) {
            _ = try session.receivePartial(four, node: right, chunk: 0, from: 7)
        }
        #expect(throws: CollectivesError.self) { try session.receiveReduced(four, chunk: 0, from: 2) }
        #expect(!session.isComplete)
        #expect(session.gradientDigest == nil)
        let sent = try session.receivePartial(four, node: right, chunk: 0, from: 2)
        #expect(sent.isEmpty)
    }

    @Test("a plan that leaves out or doubles a leaf, or does not fit the gradient, is refused")
    func refusesUnsoundPlans() {
        let layout = ChunkLayout(parameterCount: 10, chunkElementCount: 4)
        func participant(_ id: UInt32, _ leaves: [UInt32]) -> Plan.Participant {
            .init(id: id, dataEndpoint: "", publicKey: "", leaves: leaves)
        }
        let unsound = [
            Plan(
                leafCount: 2, chunkElementCount: 4, chunkOwners: [1, 1, 1],
                participants: [participant(1, [0])]),
            Plan(
                leafCount: 2, chunkElementCount: 4, chunkOwners: [1, 1, 1],
                participants: [participant(1, [0, 1]), participant(2, [1])]),
            Plan(
                leafCount: 2, chunkElementCount: 4, chunkOwners: [1, 3, 1],
                participants: [participant(1, [0, 1])]),
            Plan(
                leafCount: 2, chunkElementCount: 5, chunkOwners: [1, 1],
                participants: [participant(1, [0, 1])]),
            Plan(
                leafCount: 0, chunkElementCount: 4, chunkOwners: [1, 1, 1], participants: [participant(1, [])]
            ),
        ]
        for plan in unsound {
            #expect(throws: CollectivesError.self) {
                _ = try ReductionSession(
                    plan: plan, participant: 1, layout: layout, reduced: Vector(zeros: 10))
            }
        }
    }
}

extension ReductionSessionTests {
    struct Result {
        var values: [Float]
        var digest: [UInt8]
    }

    /// Any assignment of leaves, also scattered ones and workers without any.
    static func randomPlan(
        _ testCase: Case, leafCount: Int, layout: ChunkLayout, generator: inout SeededGenerator
    ) -> Plan {
        let ids = (1...UInt32(testCase.participants)).map { $0 }
        var leaves: [UInt32: [UInt32]] = [:]
        for leaf in 0..<UInt32(leafCount) {
            leaves[ids.randomElement(using: &generator) ?? 1, default: []].append(leaf)
        }
        var participants = ids.map {
            Plan.Participant(id: $0, dataEndpoint: "", publicKey: "", leaves: leaves[$0] ?? [])
        }
        if testCase.isStar {
            participants.append(.init(id: 0, dataEndpoint: "", publicKey: "", leaves: []))
        }
        let owners = (0..<layout.count).map { _ in
            testCase.isStar ? 0 : ids.randomElement(using: &generator) ?? 1
        }
        return Plan(
            leafCount: UInt32(leafCount), chunkElementCount: UInt32(layout.chunkElementCount),
            chunkOwners: owners, participants: participants)
    }

    /// Delivers leaves and messages in random order, some twice, until nothing is on the way.
    static func run(
        plan: Plan, layout: ChunkLayout, leaves: [[Float]], generator: inout SeededGenerator
    ) throws -> [UInt32: Result] {
        var sessions: [UInt32: ReductionSession] = [:]
        var stores: [UInt32: PartialStore] = [:]
        var work: [(UInt32, Int)] = []
        for participant in plan.participants {
            sessions[participant.id] = try ReductionSession(
                plan: plan, participant: participant.id, layout: layout,
                reduced: Vector(zeros: layout.parameterCount))
            var store = PartialStore(parameterCount: layout.parameterCount)
            store.begin(leafCount: leaves.count)
            stores[participant.id] = store
            work += participant.leaves.map { (participant.id, Int($0)) }
        }
        var messages: [(from: UInt32, message: ReductionSession.Outgoing, copy: Vector)] = []
        func send(_ outgoing: [ReductionSession.Outgoing], from sender: UInt32, twice: Bool) {
            for message in outgoing {
                let copy = Vector(message.elements.toArray())
                for _ in 0..<(twice ? 2 : 1) { messages.append((sender, message, copy)) }
            }
        }
        while !work.isEmpty || !messages.isEmpty {
            let twice = Int.random(in: 0..<5, using: &generator) == 0
            if !work.isEmpty, messages.isEmpty || Bool.random(using: &generator) {
                let (id, leaf) = work.remove(at: Int.random(in: 0..<work.count, using: &generator))
                stores[id]?.insert(Vector(leaves[leaf]), leaf: leaf)
                for node in sessions[id]?.owedNodes ?? [] {
                    guard let sum = stores[id]?.partial(node) else { continue }
                    send(sessions[id]?.contribute(sum, node: node) ?? [], from: id, twice: twice)
                }
            } else {
                let index = Int.random(in: 0..<messages.count, using: &generator)
                let (sender, message, elements) = messages.remove(at: index)
                if message.isReduced {
                    try sessions[message.peer]?.receiveReduced(elements, chunk: message.chunk, from: sender)
                } else {
                    let next = try sessions[message.peer]?.receivePartial(
                        elements, node: message.node, chunk: message.chunk, from: sender)
                    send(next ?? [], from: message.peer, twice: twice)
                }
            }
        }
        return try sessions.mapValues { session in
            Result(
                values: session.reduced.toArray(),
                digest: try #require(
                    session.gradientDigest, "participant \(session.participant) is incomplete"))
        }
    }
}
