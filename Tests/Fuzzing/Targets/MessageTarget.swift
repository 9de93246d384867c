import WireProtocol

/// Messages: frames to an envelope and back.
public final class MessageTarget: FuzzTarget {
    public static let name = "messages"
    public let corpus: [FuzzInput]
    private static let vocabularyCount = 1000

    public init(_ workspace: FuzzWorkspace) throws {
        var random = RandomMessages(seed: 0x5EED)
        var corpus = try workspace.stored(Self.name)
        for index in 0..<12 * RandomMessages.kindCount {
            let envelope = random.envelope(kind: index % RandomMessages.kindCount)
            corpus.append(FuzzInput(frames: try MessageCodec.encode(envelope)))
        }
        self.corpus = corpus
    }

    public func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator) {
        // Mostly the first frame, and behind the version, which is soon refused.
        let index = mutator.random.oneIn(8) ? mutator.random.below(input.parts.count) : 0
        let spare = mutator.random.pick(other.parts).bytes
        if index == 0, !mutator.random.oneIn(16) {
            var rest = Array(input.parts[0].bytes.dropFirst(5))
            mutator.mutate(&rest, other: Array(spare.dropFirst(5)), words: [])
            input.parts[0].bytes = Array(input.parts[0].bytes.prefix(5)) + rest
        } else {
            mutator.mutate(&input.parts[index].bytes, other: spare, words: [])
        }
        switch mutator.random.below(40) {
        case 0: input.parts.removeLast()
        case 1: input.parts.append(.init("frame", mutator.random.bytes(8)))
        default: break
        }
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        let frames = input.parts.map(\.bytes)
        for frame in frames.dropFirst() { try checkMicroBatch(frame) }
        guard let envelope = try? MessageCodec.decode(frames) else { return false }
        let again: [[UInt8]]
        do { again = try MessageCodec.encode(envelope) } catch {
            throw FuzzFailure("what was understood cannot be sent again: \(error)")
        }
        guard let second = try? MessageCodec.decode(again), second.header == envelope.header,
            let third = try? MessageCodec.encode(second)
        else { throw FuzzFailure("what was sent again is not understood") }
        // The bytes that came may have had their fields in another order.
        guard third == again, second.payload == envelope.payload else {
            throw FuzzFailure("a message changes when it is sent again")
        }
        // Values that are NaN differ from themselves; their texts do not.
        guard second.body == envelope.body || "\(second.body)" == "\(envelope.body)" else {
            throw FuzzFailure("a message sent again says something else")
        }
        return true
    }

    private func checkMicroBatch(_ frame: [UInt8]) throws(FuzzFailure) {
        guard let batch = try? MicroBatchCoding.decode(frame, vocabularyCount: Self.vocabularyCount) else {
            return
        }
        guard MicroBatchCoding.encode(batch) == frame else {
            throw FuzzFailure("a micro-batch changes when it is sent again")
        }
    }
}
