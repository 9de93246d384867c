import Kernels
import Tensors
import Testing

/// Columns as rows, and their squares.
@Suite struct ColumnGatheringTests {
    private let ids: [Int32] = [3, 0, 3, 2, 3]

    @Test("columns become rows, and their gradient matches finite differences where one comes twice")
    func gathered() {
        let (input, dOutput) = (randomMatrix(2, 4, seed: 1), randomMatrix(5, 2, seed: 2))
        let output = Matrix(rows: 5, columns: 2)
        gatherColumns(output: output, input: input, indices: ids)
        func pick(_ input: [Double]) -> [Double] { ids.flatMap { [input[Int($0)], input[4 + Int($0)]] } }
        #expect(output.doubles == pick(input.doubles))
        let expected = numericGradient(at: input.doubles) { weighted(pick($0), dOutput.doubles) }
        let before = input.doubles
        gatherColumnsBackward(dInput: input, dOutput: dOutput, indices: ids[...])
        let added = zip(input.doubles, before).map { $0 - $1 }
        #expect(relativeDifference(added, expected) < 1e-6)
        #expect(added[1] == 0 && added[5] == 0)
    }

    @Test("squares of columns are added up over calls")
    func squares() {
        let input = randomMatrix(6, 3, seed: 3)
        var sums = [Double](repeating: 0, count: 3)
        addColumnSquares(to: &sums, input: input.rows(0..<2))
        addColumnSquares(to: &sums, input: input.rows(2..<6))
        let expected = (0..<3).map { column in
            (0..<6).reduce(0.0) { $0 + input.doubles[$1 * 3 + column] * input.doubles[$1 * 3 + column] }
        }
        #expect(relativeDifference(sums, expected) < 1e-12)
    }
}
