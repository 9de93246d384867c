import Kernels
import Tensors
import Testing

@Suite struct DropoutTests {
    private let mask = DropoutMask(seed: 42, step: 3, moduleID: 7, probability: 0.25)

    @Test("keeps about 1 − p of the features and scales them by 1 ÷ (1 − p)")
    func keepsItsShare() {
        let rows = DropoutRows(exampleIDs: .init(repeating: 5, count: 50), positions: Array(0..<50))
        let input = Vector([Float](repeating: 3, count: 50 * 203)).matrix(rows: 50, columns: 203)
        let output = Matrix(rows: 50, columns: 203)
        dropoutForward(output: output, input: input, mask: mask, rows: rows)
        let kept = output.toArray().filter { $0 != 0 }
        #expect(kept.allSatisfy { $0 == 4 })
        #expect(abs(Double(kept.count) / Double(50 * 203) - 0.75) < 0.02)
    }

    @Test("a token's mask does not depend on its row, and differs between modules, steps and examples")
    func isIndependentOfPacking() {
        let input = Vector([Float](repeating: 1, count: 4 * 64)).matrix(rows: 4, columns: 64)
        func masked(_ mask: DropoutMask, _ examples: [UInt32], _ positions: [UInt32]) -> [[Float]] {
            let output = Matrix(rows: 4, columns: 64)
            dropoutForward(
                output: output, input: input, mask: mask,
                rows: DropoutRows(exampleIDs: examples, positions: positions))
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
        dropoutForward(output: output, input: ones, mask: mask, rows: rows)
        let dInput = Vector([Float](repeating: 2, count: 2 * 30)).matrix(rows: 2, columns: 30)
        dropoutBackward(dInput: dInput, dOutput: ones, mask: mask, rows: rows)
        #expect(dInput.toArray() == output.toArray().map { $0 + 2 })
    }
}
