import Kernels
import Layers
import Tensors

/// Where the sequences, targets and examples of a micro-batch are, checked.
struct BatchRows {
    /// What a micro-batch may hold.
    struct Limits {
        /// V
        var vocabularySize: Int
        /// Targets lie below it.
        var targetCount: Int
        /// The longest sequence, with all it continues.
        var contextLength: Int
        /// Whether a sequence may continue another.
        var allowsPrefixes = false
        /// Whether tokens behind the last target of their sequence are left out, since nothing that has a loss sees them.
        var endsAtLastTargets = false
    }

    /// [N] of the tokens that are computed.
    var tokenIDs: [Int32] = []
    var spans: [SequenceSpan] = []
    /// Of each row, the place of its token in the whole text.
    var positions: [Int32] = []
    /// Rows that have a target, in order.
    var supervisedRows: [Int32] = []
    /// Their targets.
    var supervisedTargets: [Int32] = []
    var dropout = DropoutRows()
    var supervisedDropout = DropoutRows()

    /// Takes over a micro-batch that may come from outside; memory is kept from call to call.
    ///
    /// - Throws: ``TransformerError`` with code `.invalidBatch` or `.sequenceTooLong`.
    mutating func load(_ batch: MicroBatch, limits: Limits) throws(TransformerError) {
        try checkTokens(batch, limits: limits)
        tokenIDs.removeAll(keepingCapacity: true)
        spans.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        supervisedRows.removeAll(keepingCapacity: true)
        supervisedTargets.removeAll(keepingCapacity: true)
        dropout.exampleIDs.removeAll(keepingCapacity: true)
        dropout.positions.removeAll(keepingCapacity: true)
        supervisedDropout.exampleIDs.removeAll(keepingCapacity: true)
        supervisedDropout.positions.removeAll(keepingCapacity: true)
        var end = 0
        for (index, sequence) in batch.sequences.enumerated() {
            guard sequence.start == end, sequence.count > 0, sequence.count <= batch.tokenCount - end else {
                throw TransformerError(
                    .invalidBatch,
                    "sequence \(index) has \(sequence.count) tokens from \(sequence.start), expected at least one "
                        + "from \(end) within \(batch.tokenCount)", context: "sequence \(index)")
            }
            end += sequence.count
            let count = limits.endsAtLastTargets ? batch.tokenCountToLastTarget(of: sequence) : sequence.count
            let span = try makeSpan(
                sequence, rows: tokenIDs.count..<tokenIDs.count + count, index: index, limits: limits)
            guard span.firstPosition + sequence.count <= limits.contextLength else {
                throw TransformerError(
                    .sequenceTooLong,
                    "sequence \(index) has \(span.firstPosition + sequence.count) tokens, this model attends over "
                        + "\(limits.contextLength); lower data.max_sequence_length",
                    context: "sequence \(index)")
            }
            if count > 0 { spans.append(span) }
            positions += (span.firstPosition..<span.positionCount).map { Int32($0) }
            for row in sequence.range.prefix(count) {
                let position = sequence.exampleOffset &+ UInt32(truncatingIfNeeded: row - sequence.start)
                tokenIDs.append(batch.tokenIDs[row])
                dropout.exampleIDs.append(sequence.exampleID)
                dropout.positions.append(position)
                guard batch.targets[row] != MicroBatch.noTarget else { continue }
                supervisedRows.append(Int32(tokenIDs.count - 1))
                supervisedTargets.append(batch.targets[row])
                supervisedDropout.exampleIDs.append(sequence.exampleID)
                supervisedDropout.positions.append(position)
            }
        }
        guard end == batch.tokenCount else {
            throw TransformerError(
                .invalidBatch, "the sequences cover \(end) of \(batch.tokenCount) tokens")
        }
    }

    private func makeSpan(
        _ sequence: MicroBatch.Sequence, rows: Range<Int>, index: Int, limits: Limits
    ) throws(TransformerError) -> SequenceSpan {
        guard let prefix = sequence.prefix else { return SequenceSpan(rows: rows) }
        guard limits.allowsPrefixes else {
            throw TransformerError(
                .invalidBatch, "sequence \(index) continues another, which is not done here",
                context: "sequence \(index)")
        }
        guard prefix >= 0, prefix < index else {
            throw TransformerError(
                .invalidBatch, "sequence \(index) continues sequence \(prefix), expected one before it",
                context: "sequence \(index)")
        }
        let earlier = spans[prefix]
        return SequenceSpan(
            rows: rows, firstPosition: earlier.positionCount,
            prefixes: earlier.prefixes + [earlier.rows])
    }

    private func checkTokens(_ batch: MicroBatch, limits: Limits) throws(TransformerError) {
        guard batch.targets.count == batch.tokenCount else {
            throw TransformerError(
                .invalidBatch, "\(batch.tokenCount) tokens with \(batch.targets.count) targets")
        }
        for (row, id) in batch.tokenIDs.enumerated() where id < 0 || Int(id) >= limits.vocabularySize {
            throw TransformerError(
                .invalidBatch,
                "token \(row) has id \(id), the vocabulary has \(limits.vocabularySize); is it this base's tokenizer?",
                context: "token \(row)")
        }
        for (row, id) in batch.targets.enumerated()
        where id != MicroBatch.noTarget && (id < 0 || Int(id) >= limits.targetCount) {
            throw TransformerError(
                .invalidBatch, "target \(row) is \(id), expected 0 to \(limits.targetCount - 1)",
                context: "target \(row)")
        }
    }
}
