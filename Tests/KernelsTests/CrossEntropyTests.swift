import Kernels
import Tensors
import Testing

@Suite struct CrossEntropyTests {
    let targets: [Int32] = [0, 18, 7]

    @Test("loss agrees with the reference and the gradient with finite differences")
    func agrees() {
        let logits = randomMatrix(3, 19, seed: 1)
        let values = logits.doubles
        let integers = targets.map(Int.init)
        var lossSum = 1.5
        crossEntropyGradient(logits: logits, targets: targets[...], lossSum: &lossSum)
        let expected = Reference.crossEntropy(logits: values, targets: integers)
        #expect(abs((lossSum - 1.5) / expected - 1) < 1e-6)
        let gradient = numericGradient(at: values) { Reference.crossEntropy(logits: $0, targets: integers) }
        #expect(relativeDifference(logits.doubles, gradient) < 1e-5)
    }

    @Test("scores give the same loss and count the lowest of equal maxima as greedy")
    func scoresAgree() {
        let logits = randomMatrix(3, 19, seed: 1)
        logits.row(0)[0] = 3
        logits.row(0)[11] = 3
        logits.row(1)[17] = 3
        logits.row(1)[18] = 3
        let expected = Reference.crossEntropy(logits: logits.doubles, targets: targets.map(Int.init))
        var scores: [TokenScore] = []
        crossEntropyScores(logits: logits, targets: targets[...], into: &scores)
        #expect(abs(scores.reduce(0) { $0 + $1.loss } / expected - 1) < 1e-6)
        #expect(scores.map(\.isGreedyMatch).prefix(2) == [true, false])
    }

    @Test("a logit that is no number makes the loss none")
    func nonFiniteShows() {
        let logits = randomMatrix(1, 19, seed: 1)
        logits.row(0)[4] = .nan
        var lossSum = 0.0
        crossEntropyGradient(logits: logits, targets: targets[..<1], lossSum: &lossSum)
        #expect(lossSum.isNaN)
    }

    @Test("logits of any size give a finite loss")
    func largeLogits() {
        let logits = Vector([1e4, -1e4, 0]).matrix(rows: 1, columns: 3)
        var lossSum = 0.0
        crossEntropyGradient(logits: logits, targets: [1], lossSum: &lossSum)
        #expect(abs(lossSum - 2e4) < 1e-3)
        #expect(logits.toArray() == [1, -1, 0])
    }
}
