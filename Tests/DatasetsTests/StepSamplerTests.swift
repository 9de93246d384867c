import Datasets
import Foundation
import Testing

/// What `make_dataset_fixtures.py` computed by a second implementation.
private struct Expected: Decodable {
    struct Hash: Decodable {
        var text: String
        var hash: String
    }
    struct Shuffle: Decodable {
        var count: Int
        var seed: String
        var epoch: Int
        var order: [UInt32]
    }
    var hashes: [Hash]
    var shuffles: [Shuffle]

    static func load() throws -> Expected {
        try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: URL(filePath: fixture("expected.json"))))
    }
}

@Suite struct StepSamplerTests {
    private func sampler(
        _ count: Int, batch: Int, seed: UInt64 = 42, shuffles: Bool = true,
        _ length: StepSampler.Length = .epochs(1)
    ) -> StepSampler {
        StepSampler(
            exampleIDs: (0..<UInt32(count)).map { $0 * 2 + 1 }, batchSize: batch, seed: seed,
            shuffles: shuffles, length: length)
    }

    @Test func shuffleAndHashEqualTheSecondImplementation() throws {
        let expected = try Expected.load()
        #expect(expected.shuffles.count == 6 && expected.hashes.count == 6)
        for shuffle in expected.shuffles {
            let seed = try #require(UInt64(shuffle.seed))
            #expect(
                StepSampler.shuffled(Array(0..<UInt32(shuffle.count)), seed: seed, epoch: shuffle.epoch)
                    == shuffle.order)
        }
        for hash in expected.hashes { #expect(String(RowHash.hash(Array(hash.text.utf8))) == hash.hash) }
    }

    @Test(arguments: [1, 2, 3, 7, 16, 100], [1, 2, 3, 16, 200])
    func anEpochVisitsEachRowOnce(count: Int, batch: Int) {
        for shuffles in [true, false] {
            let sampler = sampler(count, batch: batch, shuffles: shuffles)
            for epoch in 0..<3 {
                let first = epoch * sampler.stepsPerEpoch + 1
                let steps = (first..<first + sampler.stepsPerEpoch).map { sampler.exampleIDs(ofStep: $0) }
                #expect(steps.flatMap(\.self).sorted() == sampler.exampleIDs)
                #expect(steps.dropLast().allSatisfy { $0.count == batch })
                #expect(
                    sampler.position(ofStep: first)
                        == .init(epoch: epoch, stepInEpoch: 0, endsEpoch: sampler.stepsPerEpoch == 1))
                #expect(sampler.position(ofStep: first + sampler.stepsPerEpoch - 1).endsEpoch)
                if !shuffles { #expect(steps.flatMap(\.self) == sampler.exampleIDs) }
            }
        }
    }

    @Test func stepsDependOnSeedAndEpochAlone() {
        let a = sampler(50, batch: 8)
        let inOrder = (1...21).map { a.exampleIDs(ofStep: $0) }
        let b = sampler(50, batch: 8)
        #expect((1...21).reversed().map { b.exampleIDs(ofStep: $0) } == inOrder.reversed())
        #expect(
            inOrder[0] != inOrder[7] && inOrder[0] != sampler(50, batch: 8, seed: 43).exampleIDs(ofStep: 1))
    }

    @Test func everyRowCanStandAnywhere() {
        // 4 rows, 6,000 epochs: each row 1,500 ± 5 σ (34) times in each place.
        var counts = Array(repeating: Array(repeating: 0, count: 4), count: 4)
        for epoch in 0..<6000 {
            for (place, row) in StepSampler.shuffled([0, 1, 2, 3], seed: 9, epoch: epoch).enumerated() {
                counts[place][Int(row)] += 1
            }
        }
        #expect(counts.flatMap(\.self).allSatisfy { abs($0 - 1500) < 170 }, "\(counts)")
    }

    @Test func lengthsBecomeSteps() {
        #expect(sampler(10, batch: 4).stepsPerEpoch == 3)
        #expect(sampler(10, batch: 4, .epochs(2)).totalSteps == 6)
        #expect(sampler(10, batch: 4, .epochs(0.5)).totalSteps == 2)
        #expect(sampler(10, batch: 4, .epochs(0.001)).totalSteps == 1)
        #expect(sampler(30, batch: 1, .epochs(0.1)).totalSteps == 3)
        #expect(sampler(10, batch: 4, .epochs(1e300)).totalSteps == 1 << 53)
        #expect(sampler(10, batch: 4, .steps(100)).totalSteps == 100)
        #expect(sampler(10, batch: 4).epochs(afterStep: 3) == 1)
    }
}
