public import Tensors

/// Some rows of an evaluation as micro-batches.
public struct EvaluationChunk: Sendable, Equatable {
    /// What one sequence of a micro-batch is for.
    public enum Role: Sendable, Equatable {
        /// The prompt that choices go on from; it has no loss.
        case prefix
        /// All of a row, or a piece of it.
        case example(row: Int)
        /// One of the completions behind a row's prompt.
        case choice(row: Int, choice: Int, isGold: Bool)
    }

    /// The rows, as positions in the set.
    public var rows: Range<Int>
    /// The micro-batches to score.
    public var microBatches: [MicroBatch]
    /// For each micro-batch, what each of its sequences is.
    public var roles: [[Role]]
}

/// Rows to evaluate: `loss` and `perplexity` for all, and for prompts with few distinct completions which
/// completion is the likeliest, from the same forward pass.
///
/// For choices, a prompt without its last token is a sequence without loss, and each completion is a sequence
/// behind it that starts with that last token (`MicroBatch.Sequence.prefix`), so that a row's prompt is computed
/// once. The row's own completion gives the loss; it is what a row by itself would give.
public final class EvaluationSet: Sendable {
    /// Most distinct completions that are told apart.
    public static let maximumChoices = 64

    /// The distinct completions in the order of their UTF-8 bytes, or nil when the rows have none, more than
    /// ``maximumChoices``, one only, or one that is as long as a sequence.
    public let choices: [String]?
    /// Whether every row is a prompt and a completion.
    public let isPromptCompletion: Bool
    /// The rows' ids in their dataset.
    public let rows: [UInt32]
    /// The classes, where the rows are labelled.
    public var labels: ClassLabels? { builder.objective.labels }
    private let dataset: Dataset
    private let builder: SequenceBuilder
    private let split: MicroBatchSplit
    /// [choice] ids of each completion, with EOS.
    private let choiceTokens: [[Int32]]

    /// Rows `rows` of `dataset`.
    ///
    /// - Parameters:
    ///   - split: gives the most tokens of a micro-batch and whether sequences are packed.
    ///   - comparesChoices: false: only the loss is wanted.
    /// - Throws: ``DatasetError`` that names file and line, or with code `.empty` when there are no rows.
    public init(
        dataset: Dataset, rows: [UInt32], builder: SequenceBuilder, split: MicroBatchSplit,
        comparesChoices: Bool = true
    ) throws(DatasetError) {
        guard !rows.isEmpty else {
            throw DatasetError(code: .empty, message: "no rows to evaluate; name a file in data.valid")
        }
        self.dataset = dataset
        self.rows = rows
        self.builder = builder
        self.split = split
        isPromptCompletion = rows.allSatisfy {
            [.promptCompletion, .instruction].contains(dataset.shape(ofRow: Int($0)))
        }
        // A label that is not known is an error before anything is scored.
        if let labels = builder.objective.labels { _ = try labels.counts(of: rows, in: dataset) }
        var distinct: Set<String> = []
        if isPromptCompletion, comparesChoices {
            for row in rows where distinct.count <= Self.maximumChoices {
                if case .promptCompletion(_, let completion) = try dataset.row(Int(row)) {
                    distinct.insert(completion)
                }
            }
        }
        var tokens: [[Int32]] = []
        let sorted = distinct.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        if (2...Self.maximumChoices).contains(sorted.count) {
            for choice in sorted { tokens.append(try builder.completionTokens(choice)) }
        }
        let areComparable = !tokens.isEmpty && tokens.allSatisfy { $0.count < builder.maxSequenceLength }
        choices = areComparable ? sorted : nil
        choiceTokens = areComparable ? tokens : []
    }

    /// The micro-batches of some rows (positions in ``rows``).
    ///
    /// - Throws: ``DatasetError`` that names file and line.
    public func chunk(_ positions: Range<Int>) throws(DatasetError) -> EvaluationChunk {
        var chunk = EvaluationChunk(rows: positions, microBatches: [], roles: [])
        if choices != nil {
            var writer = ChoiceWriter(maxTokens: split.maxTokens, packing: split.packing)
            for position in positions { try addChoices(position, to: &writer) }
            (chunk.microBatches, chunk.roles) = writer.finish()
            return chunk
        }
        var sequences: [TrainingSequence] = []
        var owners: [Int] = []
        for position in positions {
            for sequence in try builder.example(
                Int(rows[position]), of: dataset, epoch: TokenMasking.evaluationEpoch
            ).sequences {
                sequences.append(sequence)
                owners.append(position)
            }
        }
        for bin in split.bins(sequences) {
            chunk.microBatches.append(MicroBatch(packing: bin.map { sequences[$0] }))
            chunk.roles.append(bin.map { .example(row: owners[$0]) })
        }
        return chunk
    }

    /// All rows in chunks of at most `rowCount`, made one after the other.
    public func chunks(ofRows rowCount: Int) -> [Range<Int>] {
        stride(from: 0, to: rows.count, by: max(1, rowCount)).map {
            $0..<min(rows.count, $0 + max(1, rowCount))
        }
    }

    private func addChoices(_ position: Int, to writer: inout ChoiceWriter) throws(DatasetError) {
        let index = Int(rows[position])
        guard case .promptCompletion(let prompt, let completion) = try dataset.row(index) else { return }
        let promptTokens: [Int32]
        do {
            promptTokens = try builder.promptTokens(prompt)
        } catch {
            throw dataset.named(error, index)
        }
        let gold = choices?.firstIndex(of: completion)
        // Every choice sees the same prompt, cut for the longest of them.
        let room = builder.maxSequenceLength - (choiceTokens.map(\.count).max() ?? 0)
        let cut = builder.cutPrompt(promptTokens, to: max(1, room))
        writer.add(
            prompt: cut, choices: choiceTokens, gold: gold, position: position, exampleID: rows[position])
    }
}
