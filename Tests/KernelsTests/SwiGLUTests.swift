import Kernels
import Tensors
import Testing

@Suite struct SwiGLUTests {
    @Test("forward agrees with the reference and backward with finite differences", arguments: [5, 8, 27])
    func agrees(columns: Int) {
        let gate = randomMatrix(2, columns, seed: 1)
        let up = randomMatrix(2, columns, seed: 2)
        let dOutput = randomMatrix(2, columns, seed: 3)
        let (gates, ups) = (gate.doubles, up.doubles)
        let output = Matrix(rows: 2, columns: columns)
        swiGLUForward(output: output, gate: gate, up: up)
        #expect(relativeDifference(output.doubles, Reference.swiGLU(gate: gates, up: ups)) < 1e-6)

        swiGLUBackward(gate: gate, up: up, dOutput: dOutput)
        let dGate = numericGradient(at: gates) {
            weighted(Reference.swiGLU(gate: $0, up: ups), dOutput.doubles)
        }
        let dUp = numericGradient(at: ups) {
            weighted(Reference.swiGLU(gate: gates, up: $0), dOutput.doubles)
        }
        #expect(relativeDifference(gate.doubles, dGate) < 1e-5)
        #expect(relativeDifference(up.doubles, dUp) < 1e-5)
    }

    @Test("large inputs saturate instead of overflowing")
    func saturates() {
        let gate = Vector([-200, 200, -90, 90]).matrix(rows: 1, columns: 4)
        let up = Vector([1, 1, 1, 1]).matrix(rows: 1, columns: 4)
        let output = Matrix(rows: 1, columns: 4)
        swiGLUForward(output: output, gate: gate, up: up)
        #expect(abs(output.row(0)[0]) < 1e-30)
        #expect(output.row(0)[1] == 200)
        #expect(abs(output.row(0)[2]) < 1e-30)
        #expect(output.row(0)[3] == 90)
    }
}
