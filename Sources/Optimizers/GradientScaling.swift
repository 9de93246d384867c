public import Tensors

/// The factor that turns a summed gradient into the one AdamW sees: ÷ supervised tokens, then clipped.
///
/// - Source: PyTorch `torch.nn.utils.clip_grad_norm_`: coefficient = min(1, max_norm ÷ (norm + 1e-6)).
public struct GradientScaling: Sendable, Equatable {
    /// Norm of the normalised gradient (Σ gradient ÷ Σ tokens) before clipping; what metrics report.
    public let gradientNorm: Double
    /// 1, or less where the gradient was clipped.
    public let clipCoefficient: Double
    /// What each element of the summed gradient is multiplied by: `clipCoefficient` ÷ tokens, rounded once.
    public let factor: Float

    /// - Parameters:
    ///   - squaredSum: ``GradientNorm/squaredSum(of:)`` of the summed, unnormalised gradient.
    ///   - tokenCount: supervised tokens of the global batch.
    ///   - maxGradientNorm: nil switches clipping off.
    /// - Throws: ``OptimizerError`` with code `.noSupervisedTokens`, or `.nonFinite` when the sum is NaN or infinite
    ///   (``NonFiniteSearch`` names the tensor).
    public init(squaredSum: Double, tokenCount: Int64, maxGradientNorm: Double?) throws(OptimizerError) {
        guard tokenCount > 0 else {
            throw OptimizerError(
                code: .noSupervisedTokens,
                message: "the step has \(tokenCount) supervised tokens, expected at least 1;"
                    + " does every row of the data have a label?",
                context: "supervised_tokens")
        }
        guard squaredSum.isFinite else {
            throw OptimizerError(
                code: .nonFinite,
                message: "the gradient's norm is \(squaredSum.squareRoot()), expected a finite number;"
                    + " lower training.learning_rate or look for damaged rows in the data",
                context: "gradient")
        }
        gradientNorm = squaredSum.squareRoot() / Double(tokenCount)
        if let maxGradientNorm {
            clipCoefficient = min(1, maxGradientNorm / (gradientNorm + 1e-6))
        } else {
            clipCoefficient = 1
        }
        factor = Float(clipCoefficient / Double(tokenCount))
    }
}

/// Finds which tensor of a flat vector holds NaN or an infinity.
public enum NonFiniteSearch {
    /// The first element that is not finite.
    public struct Finding: Sendable, Equatable {
        /// Name of the tensor.
        public let name: String
        /// Row-major index in the tensor.
        public let index: Int
        public let value: Float

        public static func == (left: Finding, right: Finding) -> Bool {
            left.name == right.name && left.index == right.index
                && left.value.bitPattern == right.value.bitPattern
        }
    }

    /// The first element of `vector` that is not finite, with the name of its tensor; nil when all are finite.
    public static func first(in vector: Vector, layout: ParameterLayout) -> Finding? {
        precondition(vector.count == layout.count, "\(vector.count) elements, the layout has \(layout.count)")
        for entry in layout.entries {
            for index in 0..<entry.count {
                let value = unsafe vector.readPointer[entry.offset + index]
                if !value.isFinite { return Finding(name: entry.name, index: index, value: value) }
            }
        }
        return nil
    }
}
