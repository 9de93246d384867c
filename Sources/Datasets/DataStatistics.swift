import Tensors

/// What preflight says about the data: how much there is, what is cut, and how many threads it can feed.
public struct DataStatistics: Sendable, Equatable, Codable {
    /// Rows to train on.
    public var rows = 0
    /// Rows looked at: all of them unless a limit was given.
    public var measuredRows = 0
    /// Sequences of the measured rows.
    public var sequences = 0
    /// Tokens of the measured rows.
    public var tokens = 0
    /// Tokens of the measured rows that have a loss.
    public var supervisedTokens = 0
    /// Tokens of the longest measured row, before anything is cut or split.
    public var longestRow = 0
    /// Rows whose prompt is cut on its left.
    public var promptsCut = 0
    /// Rows whose completion is cut on its right.
    public var completionsCut = 0
    /// Tokens cut from prompts and completions.
    public var tokensCut = 0
    /// Rows of text that are split into pieces.
    public var textsSplit = 0
    /// Steps of an epoch.
    public var stepsPerEpoch = 0
    /// Steps of the run.
    public var totalSteps = 0
    /// Fewest micro-batches of a measured step: so many threads every step can feed.
    public var fewestMicroBatches = 0
    /// Median of the micro-batches of a measured step (the lower one of two).
    public var medianMicroBatches = 0
    /// Most micro-batches of a measured step.
    public var mostMicroBatches = 0
    /// Tokens of the largest measured micro-batch: what sets a thread's memory.
    public var largestMicroBatch = 0

    public init() {}

    /// Measures the steps of the first epoch.
    ///
    /// - Parameter maximumSteps: looks at no more than so many steps; nil: all of the epoch, and so every row.
    /// - Throws: ``DatasetError`` that names file and line of a row that cannot be trained on.
    public static func measure(_ data: TrainingData, maximumSteps: Int? = nil) throws(DatasetError)
        -> DataStatistics
    {
        var result = DataStatistics()
        result.rows = data.sampler.exampleIDs.count
        result.stepsPerEpoch = data.sampler.stepsPerEpoch
        result.totalSteps = data.sampler.totalSteps
        var microBatchCounts: [Int] = []
        let steps = max(1, min(data.sampler.stepsPerEpoch, maximumSteps ?? .max))
        for step in 1...steps {
            var sequences: [TrainingSequence] = []
            for id in data.sampler.exampleIDs(ofStep: step) {
                let example = try data.builder.example(Int(id), of: data.dataset)
                result.add(example)
                sequences += example.sequences
            }
            let microBatches = data.split.split(sequences)
            microBatchCounts.append(microBatches.count)
            result.largestMicroBatch = max(
                result.largestMicroBatch, microBatches.map(\.tokenCount).max() ?? 0)
        }
        microBatchCounts.sort()
        result.fewestMicroBatches = microBatchCounts[0]
        result.medianMicroBatches = microBatchCounts[(microBatchCounts.count - 1) / 2]
        result.mostMicroBatches = microBatchCounts[microBatchCounts.count - 1]
        return result
    }

    private mutating func add(_ example: Example) {
        measuredRows += 1
        sequences += example.sequences.count
        tokens += example.tokenCount
        supervisedTokens += example.supervisedTokenCount
        let cut = example.promptTokensCut + example.completionTokensCut
        // Pieces overlap by one token.
        longestRow = max(longestRow, example.tokenCount - (example.sequences.count - 1) + cut)
        promptsCut += example.promptTokensCut > 0 ? 1 : 0
        completionsCut += example.completionTokensCut > 0 ? 1 : 0
        tokensCut += cut
        textsSplit += example.sequences.count > 1 ? 1 : 0
    }
}
