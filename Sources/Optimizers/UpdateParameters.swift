/// What changes from step to step in an update: computed once, by the coordinator, and sent as bits, so that
/// every replica uses the same numbers whatever its own mathematics library says.
public struct UpdateParameters: Sendable, Equatable {
    /// Learning rate of this step, before any multiplier of a parameter group.
    public var learningRate: Float
    /// 1 − β₁ᵏ for step k.
    public var biasCorrection1: Float
    /// 1 − β₂ᵏ for step k.
    public var biasCorrection2: Float
    /// Supervised tokens of the global batch: the divisor of the summed gradient.
    public var tokenCount: Int64

    public init(learningRate: Float, biasCorrection1: Float, biasCorrection2: Float, tokenCount: Int64) {
        self.learningRate = learningRate
        self.biasCorrection1 = biasCorrection1
        self.biasCorrection2 = biasCorrection2
        self.tokenCount = tokenCount
    }

    /// The numbers of optimizer step `step`, computed in Float64 with + − × alone and rounded once.
    ///
    /// - Parameters:
    ///   - step: the optimizer step, from 1.
    ///   - learningRate: ``LearningRateSchedule/learningRate(atStep:)`` of that step.
    public init(
        step: Int, learningRate: Double, tokenCount: Int64, configuration: AdamWConfiguration
    ) {
        precondition(step >= 1, "optimizer steps count from 1, not \(step)")
        self.init(
            learningRate: Float(learningRate),
            biasCorrection1: Float(1 - Self.power(configuration.beta1, step)),
            biasCorrection2: Float(1 - Self.power(configuration.beta2, step)), tokenCount: tokenCount)
    }

    /// base^exponent by repeated squaring: the same bits on every host, which `pow` does not promise.
    static func power(_ base: Double, _ exponent: Int) -> Double {
        var result = 1.0
        var square = base
        var remaining = exponent
        while remaining > 0 {
            if remaining & 1 == 1 { result *= square }
            square *= square
            remaining >>= 1
        }
        return result
    }
}
