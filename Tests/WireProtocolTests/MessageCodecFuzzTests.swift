import Fuzzing
import Testing
import WireProtocol

/// Bytes nobody meant. FuzzingTests has mutations of valid messages.
@Suite struct MessageCodecFuzzTests {
    @Test("random bytes are no message")
    func noise() {
        var random = RandomMessages(seed: 99)
        for _ in 0..<20_000 {
            let frames = (0..<random.below(4)).map { _ in random.bytes(random.below(64)) }
            if (try? MessageCodec.decode(frames)) != nil { Issue.record("\(frames) was understood") }
            // With a version that is understood, so that the parser behind it is reached.
            let head = [0x0D, 1, 0, 0, 0] + random.bytes(random.below(64))
            if (try? MessageCodec.decode([head])) != nil { Issue.record("\(head) was understood") }
        }
    }
}
