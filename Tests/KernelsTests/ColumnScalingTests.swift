import Kernels
import Tensors
import Testing

/// Columns times factors, and norms of rows.
@Suite struct ColumnScalingTests {
    private let input = randomMatrix(5, 19, seed: 1)
    private let factors = Vector(randomValues(19, seed: 2))

    @Test("columns are scaled, in place or not, and added without what is taken away")
    func scaled() {
        let (other, target) = (randomMatrix(5, 19, seed: 3), randomMatrix(5, 19, seed: 4))
        let expected = (0..<95).map { input.toArray()[$0] * factors[$0 % 19] }
        let output = Matrix(rows: 5, columns: 19)
        scaleColumns(output: output, input: input, factors: factors)
        #expect(output.toArray() == expected)
        let sum = zip(target.toArray(), zip(expected, other.toArray())).map { $0 + ($1.0 - $1.1) }
        addScaledColumns(output: target, input: input, factors: factors, minus: other)
        #expect(target.toArray() == sum)
        scaleColumns(output: input, input: input, factors: factors)
        #expect(input.toArray() == expected)
        let rows = Vector(randomValues(5, seed: 5))
        scaleRows(output: output, factors: rows)
        #expect(output.toArray() == (0..<95).map { expected[$0] * rows[$0 / 19] })
    }

    @Test("a magnitude's gradient matches finite differences, overwritten or added to")
    func magnitudes() {
        let dOutput = randomMatrix(5, 19, seed: 3)
        let divisors = Vector(randomValues(19, seed: 6).map { $0 + 2 })
        let expected = numericGradient(at: Array(repeating: 0.5, count: 19)) { magnitude in
            weighted(
                (0..<95).map { input.doubles[$0] * magnitude[$0 % 19] / Double(divisors[$0 % 19]) },
                dOutput.doubles)
        }
        let found = Vector([Float](repeating: .nan, count: 19))
        for times in 1...2 {
            scaleColumnsBackward(
                dMagnitude: found, dOutput: dOutput, input: input, divisors: divisors, accumulates: times == 2
            )
            #expect(
                relativeDifference(found.toArray().map { Double($0) / Double(times) }, expected) < 1e-6)
        }
    }

    @Test("a row's norm is the root of its squares' sum")
    func norms() {
        let found = Vector(zeros: 5)
        rowNorms(output: found, input: input)
        let expected = (0..<5).map { row in
            (0..<19).reduce(0) { $0 + input.doubles[row * 19 + $1] * input.doubles[row * 19 + $1] }
                .squareRoot()
        }
        #expect(relativeDifference(found.toArray().map(Double.init), expected) < 1e-7)
    }
}
