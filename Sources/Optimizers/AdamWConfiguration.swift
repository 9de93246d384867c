/// The constants of AdamW and of clipping: the `training` keys that do not change from step to step.
public struct AdamWConfiguration: Sendable, Equatable, Codable {
    /// β₁, the decay of the first moments; dimensionless, in [0, 1).
    public var beta1: Double
    /// β₂, the decay of the second moments; dimensionless, in [0, 1).
    public var beta2: Double
    /// ε, added to the root of the second moment (outside the root).
    public var epsilon: Double
    /// Decoupled weight decay per unit of learning rate.
    public var weightDecay: Double
    /// Largest global norm of the normalised gradient; nil switches clipping off.
    public var maxGradientNorm: Double?

    public init(
        beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0,
        maxGradientNorm: Double? = 1
    ) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.maxGradientNorm = maxGradientNorm
    }

    /// Checks every constant against its range.
    ///
    /// - Throws: ``OptimizerError`` with code `.invalidConfiguration` that names the key as it is spelled in the
    ///   configuration file.
    public func validate() throws(OptimizerError) {
        try require("training.adam_beta1", beta1, beta1 >= 0 && beta1 < 1, "a number in [0, 1)")
        try require("training.adam_beta2", beta2, beta2 >= 0 && beta2 < 1, "a number in [0, 1)")
        // Below the least normal Float32 the division by √v + ε may meet a zero denominator.
        let least = Double(Float.leastNormalMagnitude)
        try require(
            "training.adam_epsilon", epsilon, epsilon >= least && epsilon.isFinite, "at least \(least)")
        try require(
            "training.weight_decay", weightDecay, weightDecay >= 0 && weightDecay.isFinite, "0 or more")
        if let maxGradientNorm {
            try require("training.max_grad_norm", maxGradientNorm, maxGradientNorm > 0, "above 0, or null")
        }
    }

    private func require(
        _ key: String, _ value: Double, _ holds: Bool, _ expected: String
    ) throws(OptimizerError) {
        guard !holds else { return }
        throw OptimizerError(
            code: .invalidConfiguration, message: "\(key) is \(value), expected \(expected)", context: key)
    }
}
