import Kernels
import RandomNumbers
import Tensors
import Testing

@Suite struct DropoutTests {
    private let mask = DropoutMask(seed: 42, step: 3, moduleID: 7, probability: 0.25)

    private func bits(_ mask: DropoutMask, _ rows: DropoutRows, featureCount: Int) -> Matrix {
        let bits = Matrix(
            rows: rows.positions.count, columns: DropoutMask.bitColumns(featureCount: featureCount))
        dropoutBits(bits: bits, mask: mask, rows: rows)
        return bits
    }

    @Test("feature i is kept where word i mod 4 of the documented Philox block says so")
    func followsTheDocumentedCounter() {
        let rows = DropoutRows(exampleIDs: [5, 6], positions: [3, 100_000])
        let ones = Vector([Float](repeating: 1, count: 2 * 45)).matrix(rows: 2, columns: 45)
        let output = Matrix(rows: 2, columns: 45)
        dropoutForward(
            output: output, input: ones, bits: bits(mask, rows, featureCount: 45),
            keptFactor: mask.keptFactor)
        for row in 0..<2 {
            for feature in 0..<45 {
                let block = Philox.block(
                    key: 42,
                    counter: .init(
                        1 << 24 | 7, 3, rows.exampleIDs[row],
                        rows.positions[row] << 15 | UInt32(feature / 4)))
                let isKept = Philox.unitInterval(block[feature % 4]) >= 0.25
                #expect(output.row(row)[feature] == (isKept ? mask.keptFactor : 0))
            }
        }
    }

    @Test("keeps about 1 − p of the features and scales them by 1 ÷ (1 − p)")
    func keepsItsShare() {
        let rows = DropoutRows(exampleIDs: .init(repeating: 5, count: 50), positions: Array(0..<50))
        let input = Vector([Float](repeating: 3, count: 50 * 203)).matrix(rows: 50, columns: 203)
        let output = Matrix(rows: 50, columns: 203)
        dropoutForward(
            output: output, input: input, bits: bits(mask, rows, featureCount: 203),
            keptFactor: mask.keptFactor)
        let kept = output.toArray().filter { $0 != 0 }
        #expect(kept.allSatisfy { $0 == 4 })
        #expect(abs(Double(kept.count) / Double(50 * 203) - 0.75) < 0.02)
    }

    @Test("a token's mask does not depend on its row, and differs between modules, steps and examples")
    func isIndependentOfPacking() {
        let input = Vector([Float](repeating: 1, count: 4 * 64)).matrix(rows: 4, columns: 64)
        func masked(_ mask: DropoutMask, _ examples: [UInt32], _ positions: [UInt32]) -> [[Float]] {
            let output = Matrix(rows: 4, columns: 64)
            let rows = DropoutRows(exampleIDs: examples, positions: positions)
            dropoutForward(
                output: output, input: input, bits: bits(mask, rows, featureCount: 64),
                keptFactor: mask.keptFactor)
            return (0..<4).map { output.row($0).toArray() }
        }
        let one = masked(mask, [1, 1, 2, 2], [0, 1, 0, 1])
        let other = masked(mask, [2, 1, 2, 1], [1, 1, 0, 0])
        #expect(other == [one[3], one[1], one[2], one[0]])
        #expect(Set(one).count == 4)
        var (nextStep, nextModule) = (mask, mask)
        nextStep.step += 1
        nextModule.moduleID += 1
        #expect(masked(nextStep, [1, 1, 2, 2], [0, 1, 0, 1])[0] != one[0])
        #expect(masked(nextModule, [1, 1, 2, 2], [0, 1, 0, 1])[0] != one[0])
    }

    @Test("backward passes the gradient where forward passed the value, and adds")
    func backwardUsesTheSameMask() {
        let rows = DropoutRows(exampleIDs: [1, 9], positions: [4, 4])
        let ones = Vector([Float](repeating: 1, count: 2 * 30)).matrix(rows: 2, columns: 30)
        let output = Matrix(rows: 2, columns: 30)
        let bits = bits(mask, rows, featureCount: 30)
        dropoutForward(output: output, input: ones, bits: bits, keptFactor: mask.keptFactor)
        let dInput = Vector([Float](repeating: 2, count: 2 * 30)).matrix(rows: 2, columns: 30)
        dropoutBackward(dInput: dInput, dOutput: ones, bits: bits, keptFactor: mask.keptFactor)
        #expect(dInput.toArray() == output.toArray().map { $0 + 2 })
    }
}
