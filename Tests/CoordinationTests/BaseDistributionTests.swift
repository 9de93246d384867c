import Coordination
import Testing
import WireProtocol

@Suite struct BaseDistributionTests {
    @Test("the coordinator gives each chunk once, whoever fetches at once", arguments: [1, 2, 4, 10])
    func givesOnce(workers: Int) {
        let swarm = SimulatedSwarm(chunkCount: 375, workers: workers, seed: 1)
        for worker in 0..<workers { swarm.start(worker, at: .zero) }
        #expect(swarm.run(limit: .seconds(60)))
        #expect(swarm.givenCount == 375)
        #expect(swarm.repeats == 0)
        #expect(swarm.events.filter { $0.event == "base_fetched" }.count >= workers - 1)
        // Nobody waits much longer than the coordinator's link takes to carry it once.
        let ideal = SimulatedSwarm.chunkTime * 375
        #expect(swarm.now < ideal * 1.6, "\(swarm.now) against \(ideal)")
    }

    @Test("who comes late gets all of it from the others")
    func late() {
        let swarm = SimulatedSwarm(chunkCount: 200, workers: 4, seed: 2)
        for worker in 0..<3 { swarm.start(worker, at: .zero) }
        #expect(!swarm.run(limit: .seconds(5)))
        #expect(swarm.givenCount == 200)
        swarm.start(3, at: .seconds(6))
        #expect(swarm.run(limit: .seconds(10)))
        #expect(swarm.givenCount == 200)
    }

    @Test("what was cut goes on where it was, and costs the coordinator no second base", arguments: 0..<20)
    func cut(seed: UInt64) {
        let swarm = SimulatedSwarm(chunkCount: 200, workers: 4, seed: seed)
        var random = SeededGenerator(seed: seed)
        for worker in 0..<4 { swarm.start(worker, at: .zero) }
        for _ in 0..<3 {
            let worker = Int.random(in: 0..<4, using: &random)
            let at = Duration.milliseconds(Int.random(in: 20...600, using: &random))
            swarm.cut(worker, at: at)
            swarm.start(worker, at: at + .milliseconds(Int.random(in: 1...300, using: &random)))
        }
        #expect(swarm.run(limit: .seconds(120)), "seed \(seed)")
        #expect(swarm.givenCount <= 400, "seed \(seed)")
    }

    @Test("one that gives wrong bytes, or nothing, is named by each and left", arguments: 0..<10)
    func bad(seed: UInt64) {
        for habit in [SimulatedSwarm.Habit.liar, .silent] {
            let swarm = SimulatedSwarm(chunkCount: 200, workers: 5, habits: [2: habit], seed: seed)
            for worker in 0..<5 { swarm.start(worker, at: .zero) }
            #expect(swarm.run(limit: .seconds(120)), "seed \(seed), \(habit)")
            #expect(swarm.givenCount <= 400)
            let faults = swarm.events.filter { $0.event == "base_fault" }
            #expect(
                !faults.isEmpty && faults.allSatisfy { $0.details["peer"] == "tcp://w2:1" }, "seed \(seed)")
            let what = habit == .liar ? "sent wrong bytes" : "sends nothing"
            #expect(faults.allSatisfy { $0.details["what"] == what })
            if habit == .liar { #expect(Set(faults.map { $0.details["by"] }).count == 4) }
        }
    }

    @Test("who lacks a part of the base is told with its share, until it is whole")
    func fetching() {
        var distribution = BaseDistribution(chunkCount: 10, chunkByteCount: 1 << 18)
        func say(_ held: [UInt8], from connection: UInt64, at now: Duration) {
            let progress = BaseProgress(
                manifestDigest: [], endpoint: "", publicKey: "", held: held, faults: [],
                host: "host\(connection)", processID: 40 + UInt32(connection))
            _ = distribution.handle(progress, from: ConnectionID(connection), now: now)
        }
        say([0xFF, 0x03], from: 1, at: .zero)
        #expect(distribution.fetching(byteCount: 1000, now: .zero).isEmpty)
        say([0, 0], from: 2, at: .seconds(1))
        say([0b111, 0], from: 3, at: .seconds(2))
        let begun = distribution.fetching(byteCount: 1000, now: .seconds(4))
        #expect(begun.map(\.host) == ["host2", "host3"] && begun.map(\.processID) == [42, 43])
        #expect(begun.map(\.fetchedByteCount) == [0, 300] && begun.map(\.baseByteCount) == [1000, 1000])
        #expect(begun.map(\.seconds) == [3, 2] && begun.allSatisfy { $0.state == .fetching && $0.id == 0 })
        say([0xFF, 0x03], from: 2, at: .seconds(5))
        _ = distribution.disconnect(ConnectionID(3), now: .seconds(5))
        #expect(distribution.fetching(byteCount: 1000, now: .seconds(5)).isEmpty)
    }

    @Test("bits that are not those of this base are no progress")
    func strangeBits() {
        var distribution = BaseDistribution(chunkCount: 10, chunkByteCount: 1 << 18)
        func progress(_ held: [UInt8]) -> BaseProgress {
            BaseProgress(manifestDigest: [], endpoint: "", publicKey: "", held: held, faults: [])
        }
        let from = ConnectionID(1)
        var answers: [[BaseDistribution.Action]?] = []
        for bits in [[0], [0, 4], [0, 0], [0, 0]] as [[UInt8]] {
            answers.append(distribution.handle(progress(bits), from: from, now: .zero))
        }
        #expect(answers[0] == nil && answers[1] == nil)
        #expect(answers[2]?.count == 8)
        // One that never says what it got is given the same again after a while, and no more at once.
        #expect(answers[3] == [])
        let early = distribution.tick(now: .seconds(6))
        let late = distribution.tick(now: .seconds(20))
        #expect(early == [] && late.count == 8)
    }

    @Test("a set of chunks comes back from its bytes", arguments: [0, 1, 8, 63, 64, 65, 300])
    func chunkSets(count: Int) {
        var set = ChunkSet(chunkCount: count)
        for chunk in stride(from: 0, to: count, by: 3) { set.insert(chunk) }
        #expect(ChunkSet(chunkCount: count, bytes: set.bytes) == set)
        #expect(set.count == (count + 2) / 3)
        #expect(ChunkSet(chunkCount: count, isFull: true).isFull)
        #expect(!set.contains(count))
    }
}
