import Tensors
import Tokenizers

/// What a run's loss asks of each sequence.
public enum SequenceObjective: Sendable, Equatable {
    /// The token that follows.
    case nextToken
    /// The tokens that were masked. Texts are cut into pieces, each in its frame.
    case maskedTokens(TokenMasking, TextFrame)
    /// The class of a labelled text, at the first token of its frame. Long texts are cut on their right.
    case label(ClassLabels, TextFrame)

    /// The classes, where it is about those.
    public var labels: ClassLabels? {
        if case .label(let labels, _) = self { labels } else { nil }
    }
}

extension SequenceBuilder {
    /// A text in its frame, its class the target of the first token.
    func labelled(_ text: String, _ label: String, labels: ClassLabels, frame: TextFrame, id: UInt32)
        throws(DatasetError) -> Example
    {
        let content = try encode(text)
        let kept = content.prefix(try room(in: frame))
        let tokens = frame.prefix + kept + frame.suffix
        var targets = Array(repeating: MicroBatch.noTarget, count: tokens.count)
        targets[0] = try labels.number(of: label)
        return Example(
            id: id, sequences: [TrainingSequence(tokenIDs: tokens, targets: targets, exampleID: id)],
            completionTokensCut: content.count - kept.count)
    }

    /// The pieces of a text, each in its frame, with some tokens masked.
    func masked(_ text: String, masking: TokenMasking, frame: TextFrame, id: UInt32, epoch: Int)
        throws(DatasetError) -> Example
    {
        let content = try encode(text)
        let room = try room(in: frame)
        var sequences: [TrainingSequence] = []
        for start in stride(from: 0, to: content.count, by: room) {
            let piece = content[start..<min(content.count, start + room)]
            let (ids, targets) = masking.mask(piece, exampleID: id, position: start, epoch: epoch)
            func unasked(_ tokens: [Int32]) -> [Int32] { tokens.map { _ in MicroBatch.noTarget } }
            sequences.append(
                TrainingSequence(
                    tokenIDs: frame.prefix + ids + frame.suffix,
                    targets: unasked(frame.prefix) + targets + unasked(frame.suffix), exampleID: id,
                    exampleOffset: UInt32(start)))
        }
        return Example(id: id, sequences: sequences)
    }

    /// Tokens of a text that fit into a sequence.
    private func room(in frame: TextFrame) throws(DatasetError) -> Int {
        guard maxSequenceLength > frame.count else {
            throw DatasetError(
                code: .tokenization,
                message:
                    "data.max_sequence_length \(maxSequenceLength) leaves no room between the \(frame.count) "
                    + "tokens that the tokenizer puts around a text; raise it")
        }
        return maxSequenceLength - frame.count
    }
}
