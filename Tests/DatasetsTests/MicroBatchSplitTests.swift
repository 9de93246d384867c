import Datasets
import Tensors
import Testing

@Suite struct MicroBatchSplitTests {
    private func randomLengths(_ generator: inout SeededGenerator, count: Int, below limit: UInt64) -> [Int] {
        (0..<count).map { _ in Int(2 + generator.next() % (limit - 2)) }
    }

    private func cost(_ batch: MicroBatch) -> Int {
        batch.sequences.reduce(0) { sum, sequence in
            let supervised = batch.targets[sequence.range].filter { $0 >= 0 }.count
            return sum + MicroBatchSplit.cost(tokens: sequence.count, supervised: supervised)
        }
    }

    @Test(arguments: 1...200) func everySequenceIsInOneBinWithItsTokensAndTargets(seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed))
        let input = sequences(
            ofLengths: randomLengths(&generator, count: 1 + Int(generator.next() % 40), below: 700))
        let split = MicroBatchSplit(
            microBatches: 1 + Int(generator.next() % 9), maxTokens: 64 + Int(generator.next() % 600))
        let batches = split.split(input)
        #expect(batches == split.split(input))
        var seen: Set<UInt32> = []
        for batch in batches {
            #expect(batch.tokenCount <= split.maxTokens || batch.sequences.count == 1)
            #expect(batch.sequences.map(\.exampleID) == batch.sequences.map(\.exampleID).sorted())
            var position = 0
            for sequence in batch.sequences {
                #expect(sequence.start == position && seen.insert(sequence.exampleID).inserted)
                position += sequence.count
                let source = input[Int(sequence.exampleID)]
                #expect(
                    Array(batch.tokenIDs[sequence.range]) == source.tokenIDs
                        && Array(batch.targets[sequence.range]) == source.targets)
            }
            #expect(position == batch.tokenCount && batch.targets.count == batch.tokenCount)
        }
        #expect(seen.count == input.count)
        #expect(batches.count >= min(split.microBatches, input.count))
        let unpacked = MicroBatchSplit(microBatches: 8, maxTokens: split.maxTokens, packing: false).split(
            input)
        #expect(unpacked.map(\.tokenIDs) == input.map(\.tokenIDs))
        #expect(
            batches.reduce(0) { $0 + $1.supervisedTokenCount }
                == unpacked.reduce(0) { $0 + $1.supervisedTokenCount })
    }

    @Test(arguments: 1...50) func binsCostNearlyTheSame(seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed) &* 977)
        let input = sequences(ofLengths: randomLengths(&generator, count: 48, below: 60))
        let batches = MicroBatchSplit(microBatches: 8, maxTokens: 4096).split(input)
        let costs = batches.map(cost)
        #expect(batches.count == 8)
        // The heaviest exceeds the mean by less than the cheapest sequence would (LPT with six a bin).
        #expect(Double(costs.max() ?? 0) < 1.1 * Double(costs.reduce(0, +)) / 8)
    }

    @Test("runs of leaves that workers and threads are dealt cost nearly the same", arguments: 1...50)
    func halvesAndQuartersCostNearlyTheSame(seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed) &* 31)
        let input = sequences(ofLengths: randomLengths(&generator, count: 16, below: 60))
        let costs = MicroBatchSplit(microBatches: 8, maxTokens: 4096).split(input).map(cost)
        let (total, largest, smallest) = (costs.reduce(0, +), costs.max() ?? 0, costs.min() ?? 0)
        func runs(_ count: Int) -> [Int] {
            stride(from: 0, to: 8, by: count).map { costs[$0..<$0 + count].reduce(0, +) }
        }
        // No side can end up further ahead than by what one bin costs more than another.
        for run in runs(4) { #expect(abs(2 * run - total) <= largest - smallest) }
        for run in runs(2) { #expect(abs(4 * run - total) <= 4 * (largest - smallest)) }
        #expect(abs(runs(4)[0] - runs(4)[1]) * 20 < total)
    }

    @Test func binsAreFewerWhenSequencesRunOutAndMoreWhenTokensNeedThem() {
        let split = MicroBatchSplit(microBatches: 8, maxTokens: 512)
        #expect(split.split(sequences(ofLengths: [5, 6, 7])).count == 3)
        #expect(split.split([]).isEmpty)
        let many = split.split(sequences(ofLengths: Array(repeating: 100, count: 100)))
        #expect(many.count == 20 && many.allSatisfy { $0.tokenCount == 500 })
        let long = split.split(sequences(ofLengths: [600, 10, 700, 10, 512]))
        #expect(long.count == 5)
        let one = MicroBatchSplit(microBatches: 1, maxTokens: 512).split(
            sequences(ofLengths: [600, 10, 700, 10, 512]))
        #expect(one.map(\.tokenCount) == [700, 20, 600, 512])
    }

    @Test func theCostIsWhatIsDocumented() {
        #expect(MicroBatchSplit.cost(tokens: 10, supervised: 4) == 10 * 3072 + 100 + 4 * 768)
    }
}
