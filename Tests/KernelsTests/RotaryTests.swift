import Foundation
import Kernels
import Tensors
import Testing

@Suite struct RotaryTests {
    @Test("forward agrees with the reference and backward with finite differences")
    func agrees() {
        var table = RotaryTable(headDimension: 6, theta: 100)
        table.reserve(positions: 9)
        let frequencies = table.inverseFrequencies.map(Double.init)
        let rows = randomMatrix(4, 12, seed: 1)
        let before = rows.doubles
        func reference(_ x: [Double]) -> [Double] {
            Reference.rotary(rows: x, columns: 12, frequencies: frequencies, firstPosition: 5)
        }
        rotaryForward(rows: rows, table: table, firstPosition: 5)
        #expect(relativeDifference(rows.doubles, reference(before)) < 1e-6)

        let dRows = randomMatrix(4, 12, seed: 2)
        let dOutput = dRows.doubles
        rotaryBackward(dRows: dRows, table: table, firstPosition: 5)
        let expected = numericGradient(at: before) { weighted(reference($0), dOutput) }
        #expect(relativeDifference(dRows.doubles, expected) < 1e-5)
    }

    @Test("frequencies of the default type are powers of theta")
    func frequenciesArePowers() {
        let table = RotaryTable(headDimension: 8, theta: 10_000)
        for (index, frequency) in table.inverseFrequencies.enumerated() {
            #expect(abs(Double(frequency) / pow(10_000, -Double(index) / 4) - 1) < 1e-6)
        }
    }

    @Test("a grown table has the bits of one made large")
    func growingChangesNothing() {
        let input = randomMatrix(400, 4, seed: 3).toArray()
        let results = [[10, 200, 401], [5000]].map { sizes in
            var table = RotaryTable(headDimension: 4, theta: 10_000)
            for positions in sizes { table.reserve(positions: positions) }
            let rows = Vector(input).matrix(rows: 400, columns: 4)
            rotaryForward(rows: rows, table: table, firstPosition: 1)
            return rows.toArray()
        }
        #expect(results[0] == results[1])
    }
}
