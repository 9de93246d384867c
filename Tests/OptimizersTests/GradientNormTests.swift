import Optimizers
import Tensors
import Testing

@Suite("Gradient norm")
struct GradientNormTests {
    @Test(
        "scalar and vector sums have the same bits at every length",
        arguments: [0, 1, 15, 16, 17, 255, 65_535, 65_536, 65_537, 200_003])
    func variantsAgree(count: Int) {
        let gradient = randomVector(count, seed: UInt64(count))
        let blocks = 0..<GradientNorm.blockCount(of: count)
        let scalar = GradientNorm.blockSums(of: gradient, blocks: blocks, variant: .scalar)
        let vector = GradientNorm.blockSums(of: gradient, blocks: blocks, variant: .vector)
        #expect(scalar.map(\.bitPattern) == vector.map(\.bitPattern))
        let exact = gradient.toArray().reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(GradientNorm.squaredSum(of: gradient) - exact) <= 1e-12 * exact)
    }

    @Test("blocks computed apart add up to the bits of the whole")
    func blocksAddUp() {
        let gradient = randomVector(200_003, seed: 3)
        let parts =
            GradientNorm.blockSums(of: gradient, blocks: 0..<1)
            + GradientNorm.blockSums(of: gradient, blocks: 1..<4)
        #expect(GradientNorm.combine(parts) == GradientNorm.squaredSum(of: gradient))
    }

    @Test("the sum is finite for the largest and for the smallest numbers, and not for NaN or infinities")
    func finiteExactlyWhenElementsAre() {
        let large = Vector([Float](repeating: .greatestFiniteMagnitude, count: 1000))
        #expect(GradientNorm.squaredSum(of: large).isFinite)
        let small = Vector([Float](repeating: .leastNonzeroMagnitude, count: 10))
        #expect(GradientNorm.squaredSum(of: small) > 0)
        for bad in [Float.nan, .infinity, -.infinity] {
            let vector = randomVector(1000, seed: 4)
            vector[777] = bad
            #expect(!GradientNorm.squaredSum(of: vector).isFinite)
        }
    }

    @Test("clipping divides by the tokens first and leaves small gradients alone")
    func clippingFollowsPyTorch() throws {
        let scaling = try GradientScaling(squaredSum: 400, tokenCount: 10, maxGradientNorm: 1)
        #expect(scaling.gradientNorm == 2)
        #expect(scaling.clipCoefficient == 1 / (2 + 1e-6))
        #expect(scaling.factor == Float(1 / (2 + 1e-6) / 10))
        let small = try GradientScaling(squaredSum: 4, tokenCount: 10, maxGradientNorm: 1)
        #expect(small.clipCoefficient == 1)
        let off = try GradientScaling(squaredSum: 1e12, tokenCount: 10, maxGradientNorm: nil)
        #expect(off.clipCoefficient == 1)
        let refusal = #expect(throws: OptimizerError.self) {
            try GradientScaling(squaredSum: 1, tokenCount: 0, maxGradientNorm: 1)
        }
        #expect(refusal?.code == .noSupervisedTokens)
    }
}
