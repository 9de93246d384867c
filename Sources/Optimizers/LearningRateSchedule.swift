/// The learning rate of each step: a warm-up from 0, then `constant`, `linear` or `cosine`.
///
/// - Source: transformers 5.23.0 `get_scheduler` (`constant_with_warmup`, `linear`, `cosine` with half a wave).
///   As there, the first step of a warm-up has the rate 0. (Where transformers ignores the warm-up of `constant`,
///   it is kept here.)
public struct LearningRateSchedule: Sendable, Equatable {
    /// `training.lr_scheduler_type`
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case constant
        case linear
        case cosine
    }

    public let kind: Kind
    /// The rate at the end of the warm-up.
    public let peakLearningRate: Double
    /// Steps of linear growth from 0.
    public let warmupStepCount: Int
    /// Steps of the whole training; `linear` and `cosine` reach 0 behind the last one.
    public let totalStepCount: Int

    /// - Parameters:
    ///   - peakLearningRate: `training.learning_rate`, per optimizer step.
    ///   - warmupRatio: `training.warmup_ratio`; the steps of warm-up are ⌈ratio · total⌉.
    /// - Throws: ``OptimizerError`` with code `.invalidConfiguration`.
    public init(
        kind: Kind, peakLearningRate: Double, warmupRatio: Double, totalStepCount: Int
    ) throws(OptimizerError) {
        guard peakLearningRate >= 0, peakLearningRate.isFinite else {
            throw OptimizerError(
                code: .invalidConfiguration,
                message: "training.learning_rate is \(peakLearningRate), expected 0 or more",
                context: "training.learning_rate")
        }
        guard warmupRatio >= 0, warmupRatio <= 1 else {
            throw OptimizerError(
                code: .invalidConfiguration,
                message: "training.warmup_ratio is \(warmupRatio), expected a share of the steps in [0, 1]",
                context: "training.warmup_ratio")
        }
        guard totalStepCount >= 0 else {
            throw OptimizerError(
                code: .invalidConfiguration,
                message: "training.max_steps is \(totalStepCount), expected 0 or more",
                context: "training.max_steps")
        }
        self.kind = kind
        self.peakLearningRate = peakLearningRate
        self.totalStepCount = totalStepCount
        warmupStepCount = Int((Double(totalStepCount) * warmupRatio).rounded(.up))
    }

    /// The rate of optimizer step `step`, from 1.
    public func learningRate(atStep step: Int) -> Double {
        precondition(step >= 1, "optimizer steps count from 1, not \(step)")
        return peakLearningRate * factor(behind: step - 1)
    }

    /// The share of the peak rate after `done` steps.
    private func factor(behind done: Int) -> Double {
        if done < warmupStepCount { return Double(done) / Double(max(1, warmupStepCount)) }
        let decaying = Double(max(1, totalStepCount - warmupStepCount))
        switch kind {
        case .constant:
            return 1
        case .linear:
            return max(0, Double(totalStepCount - done) / decaying)
        case .cosine:
            let progress = min(1, Double(done - warmupStepCount) / decaying)
            return max(0, 0.5 * (1 + Self.cosineOfHalfTurns(progress)))
        }
    }

    /// cos(π · `turns`) for `turns` in [0, 1], from + − × alone, so that it has the same bits on every host.
    ///
    /// - Numerics: within 4e-16 of the true value.
    static func cosineOfHalfTurns(_ turns: Double) -> Double {
        // cos(π x) = −cos(π (1 − x)), and from a quarter on the sine of the rest is the smaller series.
        if turns > 0.5 { return -cosineOfHalfTurns(1 - turns) }
        if turns > 0.25 {
            return series(.pi * (0.5 - turns), first: 1)
        }
        return series(.pi * turns, first: 0)
    }

    /// The Taylor series of the cosine (`first` 0) or the sine (`first` 1) for |x| ≤ π/4, in Horner's form.
    private static func series(_ x: Double, first: Int) -> Double {
        let square = x * x
        var sum = 1.0
        // The terms left out are below (π/4)^22 ÷ 22! ≈ 4e-24.
        var power = 20 + first
        while power > first {
            sum = 1 - sum * square / Double(power * (power - 1))
            power -= 2
        }
        return first == 0 ? sum : sum * x
    }
}
