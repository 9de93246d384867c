public import Tensors

/// AdamW on flat vectors: decoupled weight decay, ε outside the root, as PyTorch.
///
/// For each element, in Float32 without contraction, with g = gradient × scaling:
/// ```
/// m ← m + (1 − β₁)(g − m)
/// v ← v β₂ + ((1 − β₂) g) g
/// w ← w (1 − η λ) − (η ÷ c₁ · m) ÷ (√v ÷ √c₂ + ε)
/// ```
/// η is the learning rate times the group's multiplier, λ the group's weight decay, c₁ and c₂ the bias
/// corrections. An element's result depends on nothing but its own four numbers, so any range may be updated by
/// any thread in any order.
///
/// - Source: PyTorch 2.13.0 `torch/optim/adam.py`, `_single_tensor_adam` with `decoupled_weight_decay`.
public struct AdamW: Sendable {
    public let configuration: AdamWConfiguration
    public let groups: ParameterGroups

    /// - Throws: ``OptimizerError`` with code `.invalidConfiguration`.
    public init(configuration: AdamWConfiguration, groups: ParameterGroups) throws(OptimizerError) {
        try configuration.validate()
        self.configuration = configuration
        self.groups = groups
    }

    /// Updates elements `range` of the state's vectors; the caller raises `state.step` once all are done.
    ///
    /// - Shapes: `gradient` and the vectors of `state` [groups.count].
    /// - Overwrites: elements `range` of the three vectors.
    /// - Thread: caller's; disjoint ranges may be updated at the same time.
    public func apply(
        gradient: Vector, scaling: GradientScaling, update: UpdateParameters, to state: TrainingState,
        range: Range<Int>
    ) {
        apply(
            gradient: gradient, scaling: scaling, update: update, to: state, range: range, variant: .vector)
    }

    package func apply(
        gradient: Vector, scaling: GradientScaling, update: UpdateParameters, to state: TrainingState,
        range: Range<Int>, variant: ArithmeticVariant
    ) {
        precondition(
            gradient.count == groups.count && state.parameters.count == groups.count,
            "a gradient of \(gradient.count) elements, a state of \(state.parameters.count), expected \(groups.count)"
        )
        precondition(
            range.lowerBound >= 0 && range.upperBound <= groups.count, "elements \(range) of \(groups.count)")
        for segment in groups.segments {
            let part = segment.range.clamped(to: range)
            if part.isEmpty { continue }
            let constants = AdamWConstants(
                configuration, settings: segment.settings, update: update, gradientFactor: scaling.factor)
            let gradientPart = gradient[part]
            let parameters = state.parameters[part]
            let firstMoments = state.firstMoments[part]
            let secondMoments = state.secondMoments[part]
            let elements = unsafe AdamWElements(
                count: part.count, parameters: parameters.writePointer,
                firstMoments: firstMoments.writePointer,
                secondMoments: secondMoments.writePointer, gradient: gradientPart.readPointer)
            switch variant {
            case .scalar: unsafe elements.updateEach(from: 0, constants)
            case .vector: unsafe elements.updateVectors(constants)
            }
        }
    }
}
