public import DurableFiles
public import Tensors

/// Everything training changes: the trainable parameters and AdamW's moments after `step` steps.
///
/// Copying the value copies views of the same memory.
public struct TrainingState: Sendable {
    /// Optimizer steps taken; 0 before the first.
    public var step: Int
    /// [P] the trainable parameters, in the order of the ``Tensors/ParameterLayout``.
    public let parameters: Vector
    /// [P] AdamW's m.
    public let firstMoments: Vector
    /// [P] AdamW's v.
    public let secondMoments: Vector

    /// The state after `step` steps.
    ///
    /// - Precondition: the three vectors have the same count and do not overlap.
    public init(step: Int, parameters: Vector, firstMoments: Vector, secondMoments: Vector) {
        precondition(
            parameters.count == firstMoments.count && parameters.count == secondMoments.count,
            "\(parameters.count) parameters, \(firstMoments.count) and \(secondMoments.count) moments")
        self.step = step
        self.parameters = parameters
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
    }

    /// The state before the first step: `initial` parameters (viewed, not copied) and moments of zero.
    public init(initial parameters: Vector) {
        self.init(
            step: 0, parameters: parameters, firstMoments: Vector(zeros: parameters.count),
            secondMoments: Vector(zeros: parameters.count))
    }

    /// P
    public var parameterCount: Int { parameters.count }

    /// The vectors in the order in which they are sent and digested.
    public var sections: [Vector] { [parameters, firstMoments, secondMoments] }

    /// ``ChunkedDigest`` of parameters, first moments and second moments. The step is not part of it.
    public func digest() -> Digest { ChunkedDigest.digest(of: sections) }
}
