public import Tensors

/// Micro-batches as payload frames: little-endian UInt32 words.
///
/// Layout: token count N, sequence count S, N token ids, N targets, then for each sequence: token count,
/// example id, example offset, prefix + 1 (0 for none).
public enum MicroBatchCoding {
    /// Tokens one frame may hold; far above any sequence a CPU would be given.
    public static let maximumTokenCount = 1 << 22

    /// The frame of `batch`.
    public static func encode(_ batch: MicroBatch) -> [UInt8] {
        var words: [UInt32] = [UInt32(batch.tokenIDs.count), UInt32(batch.sequences.count)]
        words.reserveCapacity(2 + 2 * batch.tokenIDs.count + 4 * batch.sequences.count)
        words.append(contentsOf: batch.tokenIDs.lazy.map { UInt32(bitPattern: $0) })
        words.append(contentsOf: batch.targets.lazy.map { UInt32(bitPattern: $0) })
        for sequence in batch.sequences {
            words.append(UInt32(sequence.count))
            words.append(sequence.exampleID)
            words.append(sequence.exampleOffset)
            words.append(sequence.prefix.map { UInt32($0 + 1) } ?? 0)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.count * 4)
        for word in words {
            bytes.append(UInt8(truncatingIfNeeded: word))
            bytes.append(UInt8(truncatingIfNeeded: word >> 8))
            bytes.append(UInt8(truncatingIfNeeded: word >> 16))
            bytes.append(UInt8(truncatingIfNeeded: word >> 24))
        }
        return bytes
    }

    /// About how many tokens `frame` has, by its length alone.
    public static func tokenCount(ofFrame frame: [UInt8]) -> Int { frame.count / 8 }

    /// The micro-batch in `frame`.
    ///
    /// - Parameter vocabularyCount: ids and targets must lie below it.
    /// - Throws: ``WireProtocolError`` when lengths disagree or an id, target or prefix is out of range.
    public static func decode(_ frame: [UInt8], vocabularyCount: Int) throws(WireProtocolError) -> MicroBatch
    {
        guard frame.count >= 8, frame.count % 4 == 0 else {
            throw WireProtocolError(.malformed, "a micro-batch frame has \(frame.count) bytes")
        }
        func word(_ index: Int) -> UInt32 {
            let at = index * 4
            return UInt32(frame[at]) | UInt32(frame[at + 1]) << 8 | UInt32(frame[at + 2]) << 16
                | UInt32(frame[at + 3]) << 24
        }
        let tokenCount = Int(word(0))
        let sequenceCount = Int(word(1))
        guard tokenCount <= maximumTokenCount, sequenceCount <= tokenCount,
            2 + 2 * tokenCount + 4 * sequenceCount == frame.count / 4
        else {
            throw WireProtocolError(
                .malformed,
                "a micro-batch frame of \(frame.count) bytes declares \(tokenCount) tokens in \(sequenceCount) sequences"
            )
        }
        var batch = MicroBatch()
        batch.tokenIDs.reserveCapacity(tokenCount)
        batch.targets.reserveCapacity(tokenCount)
        for index in 0..<tokenCount {
            let id = Int32(bitPattern: word(2 + index))
            let target = Int32(bitPattern: word(2 + tokenCount + index))
            guard id >= 0, Int(id) < vocabularyCount,
                target == MicroBatch.noTarget || (target >= 0 && Int(target) < vocabularyCount)
            else {
                throw WireProtocolError(
                    .malformed,
                    "token \(index) of a micro-batch has id \(id) and target \(target), "
                        + "the vocabulary has \(vocabularyCount)")
            }
            batch.tokenIDs.append(id)
            batch.targets.append(target)
        }
        var start = 0
        for index in 0..<sequenceCount {
            let at = 2 + 2 * tokenCount + 4 * index
            let count = Int(word(at))
            let prefix = Int(word(at + 3)) - 1
            guard count > 0, count <= tokenCount - start, prefix < index,
                prefix < 0 || batch.sequences[prefix].prefix == nil
            else {
                throw WireProtocolError(.malformed, "sequence \(index) of a micro-batch is out of bounds")
            }
            batch.sequences.append(
                MicroBatch.Sequence(
                    start: start, count: count, exampleID: word(at + 1), exampleOffset: word(at + 2),
                    prefix: prefix < 0 ? nil : prefix))
            start += count
        }
        guard start == tokenCount else {
            throw WireProtocolError(.malformed, "sequences cover \(start) of \(tokenCount) tokens")
        }
        return batch
    }
}
