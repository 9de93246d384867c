import Coordination
import Tensors
package import Training
package import WireProtocol

/// Cuts a training state into chunks, one at a time, so that sending it leaves room for other messages.
package struct StateSender {
    private let sections: [Vector]
    private let header: Envelope.Header
    private let digest: [UInt8]
    private var section = 0
    private var offset = 0

    /// - Parameters:
    ///   - state: not to be written before the last chunk is taken.
    ///   - header: of every chunk.
    package init(_ state: StateSnapshot, header: Envelope.Header, digest: [UInt8]) {
        sections = [state.parameters, state.firstMoments, state.secondMoments]
        self.header = header
        self.digest = digest
        advance()
    }

    /// The chunk to send; nil behind the last.
    package private(set) var current: Envelope?

    /// Goes on to the next chunk.
    package mutating func advance() {
        current = nil
        guard section < sections.count else { return }
        let vector = sections[section]
        let count = min(ChunkLayout.maximumElementCount, vector.count - offset)
        let (bytes, checksum) = VectorPayload.encode(vector[offset..<offset + count])
        let isLast = section == sections.count - 1 && offset + count == vector.count
        let chunk = StateChunk(
            section: StateChunk.Section.allCases[section], elementOffset: UInt64(offset),
            elementCount: UInt32(count), sectionElementCount: UInt64(vector.count), checksum: checksum,
            isLast: isLast, stateDigest: digest)
        offset += count
        if offset == vector.count {
            section += 1
            offset = 0
        }
        current = Envelope(header: header, body: .stateChunk(chunk), payload: [bytes])
    }
}
