import Kernels
import Tensors
import Testing

@Suite struct LayerNormTests {
    let input: Matrix
    let weight = Vector(randomValues(21, seed: 2))
    let bias = Vector(randomValues(21, seed: 5))
    let dOutput = randomMatrix(3, 21, seed: 3)
    let mean = Vector(zeros: 3)
    let inverseDeviation = Vector(zeros: 3)

    init() {
        // Rows that are not around zero, so that a mean left out shows.
        input = Vector(randomValues(63, seed: 1).map { $0 + 0.75 }).matrix(rows: 3, columns: 21)
    }

    private func expected(_ x: [Double], weight: [Double]? = nil, bias: [Double]? = nil) -> [Double] {
        Reference.layerNorm(
            input: x, weight: weight ?? self.weight.toArray().map(Double.init),
            bias: bias ?? self.bias.toArray().map(Double.init), epsilon: 1e-3)
    }

    private func forward() -> Matrix {
        let output = Matrix(rows: 3, columns: 21)
        layerNormForward(
            output: output, mean: mean, inverseDeviation: inverseDeviation, input: input, weight: weight,
            bias: bias, epsilon: 1e-3)
        return output
    }

    @Test("forward agrees with the reference, and the replay has its bits")
    func forwardAgrees() {
        let (output, replay) = (forward(), Matrix(rows: 3, columns: 21))
        #expect(relativeDifference(output.doubles, expected(input.doubles)) < 1e-6)
        layerNormReplay(
            output: replay, input: input, mean: mean, inverseDeviation: inverseDeviation, weight: weight,
            bias: bias)
        #expect(replay.toArray() == output.toArray())
    }

    @Test("a row of equal values has the bias as its result")
    func constantRow() {
        let row = Vector([Float](repeating: 3, count: 21)).matrix(rows: 1, columns: 21)
        let output = Matrix(rows: 1, columns: 21)
        layerNormForward(
            output: output, mean: mean[0..<1], inverseDeviation: inverseDeviation[0..<1], input: row,
            weight: weight, bias: bias, epsilon: 1e-5)
        #expect(relativeDifference(output.doubles, bias.toArray().map(Double.init)) < 1e-6)
    }

    @Test("backward matches finite differences and adds to what is there")
    func backwardMatches() {
        _ = forward()
        let dInput = randomMatrix(3, 21, seed: 4)
        let before = dInput.doubles
        layerNormBackward(
            dInput: dInput, dOutput: dOutput, input: input, mean: mean, inverseDeviation: inverseDeviation,
            weight: weight)
        let gradient = numericGradient(at: input.doubles) { weighted(expected($0), dOutput.doubles) }
        let added = zip(dInput.doubles, before).map { $0 - $1 }
        #expect(relativeDifference(added, gradient) < 1e-5)
    }

    @Test("the weight's gradient matches finite differences and overwrites what was there")
    func weightBackwardMatches() {
        _ = forward()
        let dWeight = Vector([Float](repeating: .nan, count: 21))
        layerNormWeightBackward(
            dWeight: dWeight, dOutput: dOutput, input: input, mean: mean, inverseDeviation: inverseDeviation)
        let gradient = numericGradient(at: weight.toArray().map(Double.init)) {
            weighted(expected(input.doubles, weight: $0), dOutput.doubles)
        }
        #expect(relativeDifference(dWeight.toArray().map(Double.init), gradient) < 1e-5)
    }
}
