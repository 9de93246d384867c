import Datasets
import Tensors
import Testing

@Suite struct DataStatisticsTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func data(_ text: String, length: Int, batch: Int) throws -> TrainingData {
        let dataset = try Dataset(paths: [try folder.write(text)])
        return TrainingData(
            dataset: dataset, builder: SequenceBuilder(tokenizer: ByteTokenizer(), maxSequenceLength: length),
            sampler: StepSampler(
                exampleIDs: try dataset.split(validFraction: nil).train, batchSize: batch, seed: 1,
                shuffles: false, length: .epochs(2)),
            split: MicroBatchSplit(microBatches: 4, maxTokens: 32))
    }

    @Test func rowsTokensAndCutsAreCounted() throws {
        let lines = [("abcdef", "g"), ("ab", "cd"), ("a", "bcdefghij"), ("x", "y"), ("x", "y")].map {
            "{\"prompt\": \"\($0)\", \"completion\": \"\($1)\"}"
        }
        let found = try DataStatistics.measure(data(lines.joined(separator: "\n"), length: 6, batch: 3))
        var expected = DataStatistics()
        (expected.rows, expected.measuredRows, expected.sequences) = (5, 5, 5)
        expected.tokens = 6 + 5 + 6 + 3 + 3
        expected.supervisedTokens = 2 + 3 + 5 + 2 + 2
        (expected.longestRow, expected.promptsCut, expected.completionsCut, expected.tokensCut) = (
            11, 1, 1, 2 + 5
        )
        (expected.stepsPerEpoch, expected.totalSteps) = (2, 4)
        (expected.fewestMicroBatches, expected.medianMicroBatches, expected.mostMicroBatches) = (2, 2, 3)
        expected.largestMicroBatch = 6
        #expect(found == expected)
    }

    @Test func aLimitLooksAtTheFirstStepsOnly() throws {
        let text = String(repeating: "{\"text\": \"abcdefgh\"}\n", count: 10)
        let found = try DataStatistics.measure(data(text, length: 5, batch: 2), maximumSteps: 2)
        #expect(found.rows == 10 && found.measuredRows == 4 && found.textsSplit == 4 && found.sequences == 8)
        #expect(found.longestRow == 9 && found.supervisedTokens == 32)
    }

    @Test func aStepsWorkIsWhatItsRowsSay() throws {
        let data = try data(
            (0..<7).map { "{\"text\": \"row \($0)\"}" }.joined(separator: "\n"), length: 64, batch: 3)
        let work = try data.work(ofStep: 3)
        #expect(work.exampleIDs == [6] && work.position == .init(epoch: 0, stepInEpoch: 2, endsEpoch: true))
        #expect(work.microBatches.map(\.tokenIDs) == [Array("row 6".utf8).map { Int32($0) } + [256]])
        #expect(work.tokenCount == 6 && work.supervisedTokenCount == 5)
        #expect(try data.work(ofStep: 4).exampleIDs == [0, 1, 2])
        #expect(try data.work(ofStep: 2) == data.work(ofStep: 2))
    }
}
