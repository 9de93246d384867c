import DurableFiles
import Optimizers
import Tensors
import Testing

@Suite("Training state")
struct TrainingStateTests {
    @Test("the digest is SHA-256 over the digests of 1 MiB chunks of parameters and moments")
    func digestIsAsDocumented() {
        let count = ChunkedDigest.chunkElementCount + 10
        let state = TrainingState(
            step: 3, parameters: randomVector(count, seed: 1), firstMoments: randomVector(count, seed: 2),
            secondMoments: randomVector(count, seed: 3))
        var expected = DigestStream()
        for section in state.sections {
            let bytes = section.toArray().flatMap { value in
                (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(8 * $0)) }
            }
            expected.update(Digest.sha256(Array(bytes[..<(1 << 20)])))
            expected.update(Digest.sha256(Array(bytes[(1 << 20)...])))
        }
        #expect(state.digest() == expected.finish())
    }

    @Test("chunks that are digested in shares give the same digest", arguments: 1...7)
    func sharesGiveTheSameDigest(shares: Int) {
        let state = TrainingState(initial: randomVector(2 * ChunkedDigest.chunkElementCount + 10, seed: 1))
        let count = 9
        let digests = (0..<shares).flatMap { index in
            ChunkedDigest.chunkDigests(
                of: state.sections, chunks: count * index / shares..<count * (index + 1) / shares)
        }
        #expect(digests.count == count && ChunkedDigest.combine(digests) == state.digest())
    }

    @Test("one changed bit anywhere changes the digest, equal values give an equal one")
    func digestSeesEveryVector() {
        let digest = TrainingState(initial: randomVector(100, seed: 1)).digest()
        for section in 0..<3 {
            let changed = TrainingState(initial: randomVector(100, seed: 1))
            #expect(changed.digest() == digest)
            changed.sections[section][99] = Float(bitPattern: changed.sections[section][99].bitPattern ^ 1)
            #expect(changed.digest() != digest)
        }
    }
}
