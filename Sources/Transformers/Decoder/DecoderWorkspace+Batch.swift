import Kernels
import Layers
import Tensors

extension DecoderWorkspace {
    /// Checks a micro-batch that may come from outside and takes over where its sequences, targets and examples are.
    ///
    /// - Throws: ``TransformerError`` with code `.invalidBatch` or `.sequenceTooLong`.
    func load(_ batch: MicroBatch, configuration: any DecoderConfiguration, allowsPrefixes: Bool) throws {
        try checkTokens(batch, vocabularySize: configuration.vocabularySize)
        spans.removeAll(keepingCapacity: true)
        rows.exampleIDs.removeAll(keepingCapacity: true)
        rows.positions.removeAll(keepingCapacity: true)
        supervisedDropoutRows.exampleIDs.removeAll(keepingCapacity: true)
        supervisedDropoutRows.positions.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        supervisedRows.removeAll(keepingCapacity: true)
        supervisedTargets.removeAll(keepingCapacity: true)
        var end = 0
        for (index, sequence) in batch.sequences.enumerated() {
            guard sequence.start == end, sequence.count > 0, sequence.count <= batch.tokenCount - end else {
                throw TransformerError(
                    .invalidBatch,
                    "sequence \(index) has \(sequence.count) tokens from \(sequence.start), expected at least one "
                        + "from \(end) within \(batch.tokenCount)", context: "sequence \(index)")
            }
            end += sequence.count
            let span = try makeSpan(sequence, index: index, allowsPrefixes: allowsPrefixes)
            guard span.positionCount <= configuration.contextLength else {
                throw TransformerError(
                    .sequenceTooLong,
                    "sequence \(index) has \(span.positionCount) tokens, this model attends over "
                        + "\(configuration.contextLength); lower data.max_sequence_length",
                    context: "sequence \(index)")
            }
            spans.append(span)
            rotary?.reserve(positions: span.positionCount)
            positions += (span.firstPosition..<span.positionCount).map { Int32($0) }
            for row in sequence.range {
                let position = sequence.exampleOffset &+ UInt32(truncatingIfNeeded: row - sequence.start)
                rows.exampleIDs.append(sequence.exampleID)
                rows.positions.append(position)
                guard batch.targets[row] != MicroBatch.noTarget else { continue }
                supervisedRows.append(Int32(row))
                supervisedTargets.append(batch.targets[row])
                supervisedDropoutRows.exampleIDs.append(sequence.exampleID)
                supervisedDropoutRows.positions.append(position)
            }
        }
        guard end == batch.tokenCount else {
            throw TransformerError(
                .invalidBatch, "the sequences cover \(end) of \(batch.tokenCount) tokens")
        }
    }

    private func checkTokens(_ batch: MicroBatch, vocabularySize: Int) throws {
        guard batch.targets.count == batch.tokenCount else {
            throw TransformerError(
                .invalidBatch, "\(batch.tokenCount) tokens with \(batch.targets.count) targets")
        }
        for (row, id) in batch.tokenIDs.enumerated() where id < 0 || Int(id) >= vocabularySize {
            throw TransformerError(
                .invalidBatch,
                "token \(row) has id \(id), the vocabulary has \(vocabularySize); is it this base's tokenizer?",
                context: "token \(row)")
        }
        for (row, id) in batch.targets.enumerated()
        where id != MicroBatch.noTarget && (id < 0 || Int(id) >= vocabularySize) {
            throw TransformerError(
                .invalidBatch, "target \(row) has id \(id), the vocabulary has \(vocabularySize)",
                context: "target \(row)")
        }
    }

    private func makeSpan(_ sequence: MicroBatch.Sequence, index: Int, allowsPrefixes: Bool) throws
        -> SequenceSpan
    {
        guard let prefix = sequence.prefix else { return SequenceSpan(rows: sequence.range) }
        guard allowsPrefixes else {
            throw TransformerError(
                .invalidBatch, "sequence \(index) continues another, which training does not do",
                context: "sequence \(index)")
        }
        guard prefix >= 0, prefix < index else {
            throw TransformerError(
                .invalidBatch, "sequence \(index) continues sequence \(prefix), expected one before it",
                context: "sequence \(index)")
        }
        let earlier = spans[prefix]
        return SequenceSpan(
            rows: sequence.range, firstPosition: earlier.positionCount,
            prefixes: earlier.prefixes + [earlier.rows])
    }
}
