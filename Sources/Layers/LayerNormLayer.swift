import Kernels
public import Tensors

/// y = (x − mean) ÷ √(variance + ε) · weight + bias, with each of the two frozen or trained.
public struct LayerNormLayer: Normalization {
    /// [C]
    public let weight: Weight
    /// [C]
    public let bias: Weight
    /// Added to the variance, inside the root.
    public let epsilon: Float

    public init(weight: Weight, bias: Weight, epsilon: Float) {
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }

    public var isTrainable: Bool { weight.isTrained || bias.isTrained }

    /// Means of all rows, then inverse deviations.
    public static var statisticsColumns: Int { 2 }

    public func forward(output: Matrix, statistics: Vector, input: Matrix, pass: LayerPass) {
        layerNormForward(
            output: output, mean: statistics[0..<input.rows],
            inverseDeviation: statistics[input.rows..<2 * input.rows], input: input,
            weight: weight.values(in: pass), bias: bias.values(in: pass), epsilon: epsilon)
    }

    public func replay(output: Matrix, input: Matrix, statistics: Vector, pass: LayerPass) {
        layerNormReplay(
            output: output, input: input, mean: statistics[0..<input.rows],
            inverseDeviation: statistics[input.rows..<2 * input.rows], weight: weight.values(in: pass),
            bias: bias.values(in: pass))
    }

    public func backward(
        dInput: Matrix?, dOutput: Matrix, input: Matrix, statistics: Vector, pass: LayerPass
    ) {
        let mean = statistics[0..<input.rows]
        let inverseDeviation = statistics[input.rows..<2 * input.rows]
        weight.forEachGradient(in: pass, rowCount: input.rows) { dWeight, rows in
            layerNormWeightBackward(
                dWeight: dWeight, dOutput: dOutput.rows(rows), input: input.rows(rows), mean: mean[rows],
                inverseDeviation: inverseDeviation[rows])
        }
        bias.forEachGradient(in: pass, rowCount: input.rows) { dBias, rows in
            biasBackward(dBias: dBias, dOutput: dOutput.rows(rows), accumulates: false)
        }
        if let dInput {
            layerNormBackward(
                dInput: dInput, dOutput: dOutput, input: input, mean: mean,
                inverseDeviation: inverseDeviation, weight: weight.values(in: pass))
        }
    }
}
