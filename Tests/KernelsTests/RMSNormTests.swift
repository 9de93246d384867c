import Kernels
import Tensors
import Testing

@Suite struct RMSNormTests {
    let input = randomMatrix(3, 21, seed: 1)
    let weight = Vector(randomValues(21, seed: 2))
    let dOutput = randomMatrix(3, 21, seed: 3)

    private func forward(_ x: [Double]) -> [Double] {
        Reference.rmsNorm(input: x, weight: weight.toArray().map(Double.init), epsilon: 1e-3)
    }

    @Test("forward agrees with the reference, and the replay has its bits")
    func forwardAgrees() {
        let (output, replay) = (Matrix(rows: 3, columns: 21), Matrix(rows: 3, columns: 21))
        let inverseRMS = Vector(zeros: 3)
        rmsNormForward(output: output, inverseRMS: inverseRMS, input: input, weight: weight, epsilon: 1e-3)
        #expect(relativeDifference(output.doubles, forward(input.doubles)) < 1e-6)
        rmsNormReplay(output: replay, input: input, inverseRMS: inverseRMS, weight: weight)
        #expect(replay.toArray() == output.toArray())
    }

    @Test("backward matches finite differences and adds to what is there")
    func backwardMatches() {
        let inverseRMS = Vector(zeros: 3)
        rmsNormForward(
            output: Matrix(rows: 3, columns: 21), inverseRMS: inverseRMS, input: input, weight: weight,
            epsilon: 1e-3)
        let dInput = randomMatrix(3, 21, seed: 4)
        let before = dInput.doubles
        rmsNormBackward(
            dInput: dInput, dOutput: dOutput, input: input, inverseRMS: inverseRMS, weight: weight)
        let expected = numericGradient(at: input.doubles) { weighted(forward($0), dOutput.doubles) }
        let added = zip(dInput.doubles, before).map { $0 - $1 }
        #expect(relativeDifference(added, expected) < 1e-5)
    }

    @Test("the weight's gradient matches finite differences and overwrites what was there")
    func weightBackwardMatches() {
        let inverseRMS = Vector(zeros: 3)
        rmsNormForward(
            output: Matrix(rows: 3, columns: 21), inverseRMS: inverseRMS, input: input, weight: weight,
            epsilon: 1e-3)
        let dWeight = Vector([Float](repeating: .nan, count: 21))
        rmsNormWeightBackward(dWeight: dWeight, dOutput: dOutput, input: input, inverseRMS: inverseRMS)
        let expected = numericGradient(at: weight.toArray().map(Double.init)) {
            weighted(Reference.rmsNorm(input: input.doubles, weight: $0, epsilon: 1e-3), dOutput.doubles)
        }
        #expect(relativeDifference(dWeight.toArray().map(Double.init), expected) < 1e-5)
    }
}
