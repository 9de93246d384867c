import Kernels
public import Tensors

/// y = x / √(mean(x²) + ε) · weight, with the weight frozen or trained.
public struct RMSNormLayer: Normalization {
    /// [C]
    public let weight: Weight
    /// Added to the mean square, inside the root.
    public let epsilon: Float

    public init(weight: Weight, epsilon: Float) {
        self.weight = weight
        self.epsilon = epsilon
    }

    public var isTrainable: Bool { weight.isTrained }

    /// Inverse root mean squares.
    public static var statisticsColumns: Int { 1 }

    public func forward(output: Matrix, statistics: Vector, input: Matrix, pass: LayerPass) {
        rmsNormForward(
            output: output, inverseRMS: statistics, input: input, weight: weight.values(in: pass),
            epsilon: epsilon)
    }

    public func replay(output: Matrix, input: Matrix, statistics: Vector, pass: LayerPass) {
        rmsNormReplay(
            output: output, input: input, inverseRMS: statistics, weight: weight.values(in: pass))
    }

    public func backward(
        dInput: Matrix?, dOutput: Matrix, input: Matrix, statistics: Vector, pass: LayerPass
    ) {
        weight.forEachGradient(in: pass, rowCount: input.rows) { dWeight, rows in
            rmsNormWeightBackward(
                dWeight: dWeight, dOutput: dOutput.rows(rows), input: input.rows(rows),
                inverseRMS: statistics[rows])
        }
        if let dInput {
            rmsNormBackward(
                dInput: dInput, dOutput: dOutput, input: input, inverseRMS: statistics,
                weight: weight.values(in: pass))
        }
    }
}
