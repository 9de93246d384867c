import Kernels
public import Tensors

/// y = x / √(mean(x²) + ε) · weight, with the weight frozen or trained.
///
/// - Thread: any number at a time; holds no state of a pass.
public struct RMSNormLayer: Sendable {
    /// [C]
    public let weight: Weight
    /// Added to the mean square, inside the root.
    public let epsilon: Float

    public init(weight: Weight, epsilon: Float) {
        self.weight = weight
        self.epsilon = epsilon
    }

    /// Whether its weight is trained.
    public var isTrainable: Bool { weight.isTrained }

    /// - Shapes: `output`, `input` [N, C]; `inverseRMS` [N], saved for the backward. Accumulates nothing.
    public func forward(output: Matrix, inverseRMS: Vector, input: Matrix, pass: LayerPass) {
        rmsNormForward(
            output: output, inverseRMS: inverseRMS, input: input, weight: weight.values(in: pass),
            epsilon: epsilon)
    }

    /// The output of the forward again, to the bit.
    ///
    /// - Shapes: as there.
    public func replay(output: Matrix, input: Matrix, inverseRMS: Vector, pass: LayerPass) {
        rmsNormReplay(
            output: output, input: input, inverseRMS: inverseRMS, weight: weight.values(in: pass))
    }

    /// Gradients of the weight, where it is trained, and of the input, where it is wanted.
    ///
    /// - Shapes: `dInput`, `dOutput`, `input` [N, C]; `inverseRMS` [N].
    /// - Accumulates: adds into `dInput`; the weight's gradient is overwritten.
    public func backward(
        dInput: Matrix?, dOutput: Matrix, input: Matrix, inverseRMS: Vector, pass: LayerPass
    ) {
        weight.forEachGradient(in: pass, rowCount: input.rows) { dWeight, rows in
            rmsNormWeightBackward(
                dWeight: dWeight, dOutput: dOutput.rows(rows), input: input.rows(rows),
                inverseRMS: inverseRMS[rows])
        }
        if let dInput {
            rmsNormBackward(
                dInput: dInput, dOutput: dOutput, input: input, inverseRMS: inverseRMS,
                weight: weight.values(in: pass))
        }
    }
}
