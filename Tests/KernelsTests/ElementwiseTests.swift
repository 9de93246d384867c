import Kernels
import Tensors
import Testing

/// The gradients of what only adds or picks rows.
@Suite struct ElementwiseTests {
    private let dOutput = randomMatrix(5, 7, seed: 1)

    @Test("a bias's gradient matches finite differences, overwritten or added to")
    func biasBackwardMatches() {
        let expected = numericGradient(at: Array(repeating: 0.5, count: 7)) { bias in
            weighted((0..<35).map { bias[$0 % 7] }, dOutput.doubles)
        }
        let dBias = Vector([Float](repeating: .nan, count: 7))
        biasBackward(dBias: dBias, dOutput: dOutput, accumulates: false)
        #expect(relativeDifference(dBias.toArray().map(Double.init), expected) < 1e-6)
        biasBackward(dBias: dBias, dOutput: dOutput, accumulates: true)
        #expect(relativeDifference(dBias.toArray().map { Double($0) / 2 }, expected) < 1e-6)
    }

    @Test(
        "an embedding's gradient matches finite differences where ids come twice, and adds to what is there")
    func embeddingBackwardMatches() {
        let ids: [Int32] = [3, 0, 3, 2, 3]
        let expected = numericGradient(at: Array(repeating: 0.5, count: 28)) { table in
            weighted(ids.flatMap { table[Int($0) * 7..<Int($0) * 7 + 7] }, dOutput.doubles)
        }
        let dTable = randomMatrix(4, 7, seed: 2)
        let before = dTable.doubles
        embeddingBackward(dTable: dTable, dOutput: dOutput, ids: ids[...])
        let added = zip(dTable.doubles, before).map { $0 - $1 }
        #expect(relativeDifference(added, expected) < 1e-6)
        #expect(added[7..<14].allSatisfy { $0 == 0 })
    }

    @Test("an embedding's gradient has the bits of adding the rows one after the other")
    func embeddingBackwardIsInOrder() {
        let ids = (0..<40).map { Int32($0 * $0 % 3) }
        let rows = randomMatrix(40, 9, seed: 3)
        let (whole, apart) = (Matrix(rows: 3, columns: 9), Matrix(rows: 3, columns: 9))
        embeddingBackward(dTable: whole, dOutput: rows, ids: ids[...])
        for row in ids.indices {
            embeddingBackward(dTable: apart, dOutput: rows.rows(row..<row + 1), ids: ids[row..<row + 1])
        }
        #expect(whole.toArray() == apart.toArray())
    }
}
