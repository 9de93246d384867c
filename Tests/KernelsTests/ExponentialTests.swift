import Foundation
import Kernels
import Tensors
import Testing

@Suite struct ExponentialTests {
    @Test("stays within two units in the last place of the exact exponential")
    func isAccurate() {
        let inputs = (0..<200_001).map { Float($0 - 100_000) * 8.7e-4 }
        let output = Vector(zeros: inputs.count)
        exponentialForward(output: output, input: Vector(inputs))
        var worst = 0.0
        for (x, y) in zip(inputs, output.toArray()) {
            let exact = exp(Double(x))
            worst = max(worst, abs(Double(y) - exact) / Double(Float(exact).ulp))
        }
        #expect(worst <= 2, "\(worst) ulp")
    }

    @Test("is zero below its range, clamped above, and keeps NaN")
    func handlesExtremes() {
        let output = Vector(zeros: 5)
        exponentialForward(output: output, input: Vector([-1e30, 1e30, .nan, 0, -.infinity]))
        #expect(output[0] == 0)
        #expect(output[1].isFinite && output[1] > 2e38)
        #expect(output[2].isNaN)
        #expect(output[3] == 1)
        #expect(output[4] == 0)
    }
}
