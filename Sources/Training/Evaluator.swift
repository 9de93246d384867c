public import Configurations
public import Datasets
import Tensors
import Transformers

/// Scores rows with a model on this machine: what `shoal eval` does.
public struct Evaluator: Sendable {
    /// Rows turned into micro-batches at a time.
    private static let rowsPerChunk = 128

    private let rows: EvaluationSet
    private let score: @Sendable ([MicroBatch]) throws -> [[SequenceOutcome]]

    /// - Parameters:
    ///   - paths: files of rows; nil takes what `data` keeps for evaluation: `data.valid`, or the share of `data.train`
    ///     that `data.valid_fraction` keeps back.
    ///   - data: how rows become sequences.
    ///   - seed: `training.seed`, of the masks of a masked language model.
    ///   - maxTokensPerMicroBatch: `training.max_tokens_per_micro_batch`.
    /// - Throws: `DatasetError` that names file and line; `TokenizerError` for a chat template that is not known;
    ///   ``TrainingError`` with code `.noEvaluationRows` where `data` keeps none.
    public init(
        model: InferenceModel, paths: [String]? = nil, data: DataSection, seed: UInt64 = 42,
        maxTokensPerMicroBatch: Int, threadCount: Int
    ) throws {
        let isKeptBack = paths == nil && data.valid.isEmpty
        guard !isKeptBack || data.validFraction != nil else {
            throw TrainingError(
                .noEvaluationRows,
                "the configuration has neither data.valid nor data.valid_fraction; give --data FILE")
        }
        let dataset = try Dataset(
            paths: paths ?? (isKeptBack ? data.train : data.valid), columns: data.columns.dictionary)
        rows = try EvaluationSet(
            dataset: dataset,
            rows: isKeptBack
                ? try dataset.split(validFraction: data.validFraction).valid
                : Array(0..<UInt32(dataset.rowCount)),
            builder: try SequenceBuilder(data, base: model.base, dataset: dataset, seed: seed),
            split: MicroBatchSplit(
                microBatches: threadCount, maxTokens: maxTokensPerMicroBatch, packing: data.packing))
        score = Self.scorer(model, threadCount: threadCount)
    }

    /// Rows to evaluate.
    public var rowCount: Int { rows.rows.count }

    /// Evaluates all rows.
    ///
    /// - Parameter onProgress: told how many rows are done.
    public func run(onProgress: (Int) -> Void = { _ in }) throws -> EvaluationResult {
        var summary = EvaluationSummary(of: rows)
        for range in rows.chunks(ofRows: Self.rowsPerChunk) {
            let chunk = try rows.chunk(range)
            summary.add(try score(chunk.microBatches), of: chunk)
            onProgress(range.upperBound)
        }
        return summary.result
    }

    private static func scorer(
        _ model: InferenceModel, threadCount: Int
    ) -> @Sendable ([MicroBatch]) throws -> [[SequenceOutcome]] {
        func open(_ opened: some TransformerModel) -> @Sendable ([MicroBatch]) throws -> [[SequenceOutcome]] {
            let pool = ComputePool(threadCount: threadCount) { opened.makeWorkspace() }
            let parameters = model.parameters
            return { batches in
                try pool.map(count: batches.count) { index, workspace in
                    try opened.scores(of: batches[index], parameters: parameters, workspace: workspace).map {
                        SequenceOutcome(
                            lossSum: $0.lossSum, tokenCount: $0.tokenCount, greedyMatches: $0.greedyMatches,
                            predictedClass: $0.predictedClass)
                    }
                }
            }
        }
        return open(model.model)
    }
}
