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

    @Test("every instruction set gives the same values and the same sum")
    func variantsAgree() {
        for count in [1, 7, 8, 13, 1000] {
            let input = Vector((0..<count).map { Float($0 * 7919 % 2003) / 20 - 60 })
            let plain = Vector(zeros: count)
            let plainSum = exponentialForward(output: plain, input: input, variant: .blas)
            for variant in ProductVariant.allCases where variant <= .widest {
                let output = Vector(zeros: count)
                let sum = exponentialForward(output: output, input: input, variant: variant)
                #expect(output.toArray() == plain.toArray() && sum == plainSum, "\(variant), \(count) values")
            }
        }
    }
}
