import Foundation
import Kernels
import Tensors
import Testing

/// What follows a classifier's first map.
@Suite struct PoolerActivationTests {
    @Test("tanh and its gradient agree with Float64", arguments: [5, 8, 27])
    func tanh(columns: Int) {
        let input = Vector(randomValues(2 * columns, seed: 1).map { $0 * 4 }).matrix(
            rows: 2, columns: columns)
        let dOutput = randomMatrix(2, columns, seed: 3)
        let expected = numericGradient(at: input.doubles) {
            weighted($0.map { 1 - 2 / (exp(2 * $0) + 1) }, dOutput.doubles)
        }
        let output = Matrix(rows: 2, columns: columns)
        tanhForward(output: output, input: input)
        #expect(relativeDifference(output.doubles, input.doubles.map { 1 - 2 / (exp(2 * $0) + 1) }) < 1e-6)
        tanhBackward(dOutput: dOutput, output: output)
        #expect(relativeDifference(dOutput.doubles, expected) < 1e-5)
    }

    @Test("relu lets through what is positive, and its gradient there alone; what is no number shows")
    func relu() {
        let input = Vector([-3, 2, -0.5, 0, .nan, 7]).matrix(rows: 2, columns: 3)
        let output = Matrix(rows: 2, columns: 3)
        reluForward(output: output, input: input)
        let values = output.toArray()
        #expect(values[..<4] == [0, 2, 0, 0] && values[4].isNaN && values[5] == 7)
        let dOutput = Vector([1, 2, 3, 4, 5, 6]).matrix(rows: 2, columns: 3)
        reluBackward(dOutput: dOutput, output: output)
        #expect(dOutput.toArray() == [0, 2, 0, 0, 5, 6])
        // In place.
        reluForward(output: input, input: input)
        #expect(input.toArray()[..<4] == [0, 2, 0, 0])
    }
}
