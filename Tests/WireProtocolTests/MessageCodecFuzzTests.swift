import Testing
import WireProtocol

/// Bytes nobody meant: they may be refused or understood, and nothing else.
@Suite struct MessageCodecFuzzTests {
    @Test(
        "mutations of valid messages never trap, and what is understood can be sent again", arguments: 0..<4)
    func mutations(part: Int) throws {
        var random = RandomMessages(seed: 0x5EED + UInt64(part))
        // Making a message costs more than decoding one, so each serves many times.
        var corpus: [[[UInt8]]] = []
        for index in 0..<10 * RandomMessages.kindCount {
            corpus.append(try MessageCodec.encode(random.envelope(kind: index % RandomMessages.kindCount)))
        }
        var understood = 0
        for index in 0..<52_000 {
            var frames = corpus[index % corpus.count]
            mutate(&frames, &random)
            guard let envelope = try? MessageCodec.decode(frames) else { continue }
            understood += 1
            if (try? MessageCodec.encode(envelope)) == nil {
                Issue.record("\(envelope) cannot be sent again")
            }
        }
        // Some survive (a changed digest is a digest), so the mutations are not all trivial to refuse.
        #expect(understood > 1000)
    }

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

    private func mutate(_ frames: inout [[UInt8]], _ random: inout RandomMessages) {
        for _ in 0...random.below(3) {
            // Mostly the first frame, behind the version.
            let target = random.below(8) == 0 ? random.below(frames.count) : 0
            var frame = frames[target]
            let first = target == 0 && frame.count > 5 && random.below(16) > 0 ? 5 : 0
            guard frame.count > first else { continue }
            let at = first + random.below(frame.count - first)
            switch random.below(7) {
            case 0: frame[at] ^= 1 << UInt8(random.below(8))
            case 1: frame[at] = random.bytes(1)[0]
            case 2: frame.remove(at: at)
            case 3: frame.insert(contentsOf: random.bytes(1 + random.below(4)), at: at)
            case 4: frame.removeLast(frame.count - at)
            case 5:
                // A stretch again, which makes repeated fields and merged submessages.
                let end = min(at + 1 + random.below(24), frame.count)
                frame.insert(contentsOf: frame[at..<end], at: end)
            default:
                // The largest length or number there is.
                frame.replaceSubrange(at..<at + 1, with: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F])
            }
            frames[target] = frame
        }
        switch random.below(40) {
        case 0: frames.removeLast()
        case 1: frames.append(random.bytes(8))
        default: break
        }
    }
}
