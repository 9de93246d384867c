import DurableFiles
import Optimizers
import Tensors
package import Training
package import WireProtocol

/// Puts a training state together from its chunks, which must come in order.
package struct StateReceiver {
    /// Elements of each section.
    package let parameterCount: Int
    private var sections: [Vector] = []
    private var section = 0
    private var offset = 0
    /// Set once the last chunk is here.
    package private(set) var isComplete = false

    package init(parameterCount: Int) { self.parameterCount = parameterCount }

    /// Takes the next chunk; the first one of the first section starts over.
    ///
    /// - Throws: ``ClusterError`` with code `.badState`, or ``WireProtocolError`` when the checksum differs.
    package mutating func take(_ chunk: StateChunk, payload: [UInt8]) throws {
        let kinds = StateChunk.Section.allCases
        if chunk.section == kinds.first, chunk.elementOffset == 0 {
            // New memory: what was received before may still be in use.
            sections = kinds.map { _ in Vector(zeros: parameterCount) }
            section = 0
            offset = 0
            isComplete = false
        }
        let count = Int(chunk.elementCount)
        guard section < sections.count, chunk.section == kinds[section],
            chunk.elementOffset == UInt64(offset),
            chunk.sectionElementCount == UInt64(parameterCount), count > 0, count <= parameterCount - offset
        else {
            throw ClusterError(
                .badState,
                "a piece of the state came out of place: section \(chunk.section), elements "
                    + "\(chunk.elementOffset) + \(count) of \(chunk.sectionElementCount), expected section "
                    + "\(section + 1), element \(offset) of \(parameterCount)")
        }
        try VectorPayload.read(
            payload, checksum: chunk.checksum, into: sections[section][offset..<offset + count])
        offset += count
        if offset == parameterCount {
            section += 1
            offset = 0
        }
        guard chunk.isLast == (section == sections.count) else {
            throw ClusterError(.badState, "the state ends in section \(chunk.section), element \(offset)")
        }
        isComplete = chunk.isLast
    }

    /// The state; nil while pieces are missing.
    package func snapshot(step: UInt64) -> StateSnapshot? {
        guard isComplete else { return nil }
        return StateSnapshot(
            step: step, parameters: sections[0], firstMoments: sections[1], secondMoments: sections[2])
    }
}

extension StateSnapshot {
    /// The digest every replica of this state has.
    package var digest: [UInt8] {
        ChunkedDigest.digest(of: [parameters, firstMoments, secondMoments]).bytes
    }
}
