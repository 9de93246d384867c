import Foundation
import Tensors
import Testing
import Transformers

@Suite struct SamplerTests {
    private let logits = Vector([1, 3, 2, 3, 0])

    private func shares(_ options: SamplingOptions, draws: Int = 4_000) -> [Double] {
        var sampler = Sampler(options: options)
        var counts = [Double](repeating: 0, count: logits.count)
        for _ in 0..<draws { counts[Int(sampler.next(logits: logits))] += 1 }
        return counts.map { $0 / Double(draws) }
    }

    @Test("temperature 0 takes the likeliest, the lowest id of equals")
    func greedy() {
        #expect(shares(.init(temperature: 0), draws: 3) == [0, 1, 0, 0, 0])
    }

    @Test("shares follow the softmax at the temperature", arguments: [0.5, 1, 2])
    func followsSoftmax(temperature: Double) {
        let weights = logits.toArray().map { exp(Double($0) / temperature) }
        let total = weights.reduce(0, +)
        for (share, weight) in zip(shares(.init(temperature: temperature)), weights) {
            #expect(abs(share - weight / total) < 0.03)
        }
    }

    @Test("top-k leaves the k likeliest, top-p the likeliest that reach p")
    func leavesOut() {
        let topK = shares(.init(temperature: 1, topK: 3))
        #expect(topK[0] == 0 && topK[4] == 0 && topK[2] > 0.1)
        let topOne = shares(.init(temperature: 5, topK: 1))
        #expect(topOne == [0, 1, 0, 0, 0])
        // The two likeliest have 0.80 of the probability, the first alone 0.40.
        let topP = shares(.init(temperature: 1, topP: 0.6))
        #expect(topP[1] > 0.45 && topP[3] > 0.45 && topP[1] + topP[3] == 1)
        #expect(shares(.init(temperature: 1, topP: 0))[1] == 1)
    }

    @Test("one seed draws one series, another seed another")
    func isSeeded() {
        func series(_ seed: UInt64) -> [Int32] {
            var sampler = Sampler(options: .init(temperature: 2, seed: seed))
            return (0..<40).map { _ in sampler.next(logits: logits) }
        }
        #expect(series(1) == series(1))
        #expect(series(1) != series(2))
    }
}
