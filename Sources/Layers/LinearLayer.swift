import Kernels
public import Tensors

/// output = input · weightᵀ + bias, with an optional adapter: one linear map of a model, whichever way its weight lies.
///
/// - Thread: any number at a time; holds no state of a pass.
public struct LinearLayer: Sendable {
    public let module: LinearModule
    /// [out, in], or [in, out] where the module is transposed.
    public let weight: Weight
    /// [out]
    public let bias: Weight?
    public let adapter: (any LinearAdapter)?

    /// - Precondition: `weight` and `bias` have the module's shape.
    public init(
        module: LinearModule, weight: Weight, bias: Weight? = nil, adapter: (any LinearAdapter)? = nil
    ) {
        precondition(
            weight.count == module.outputCount * module.inputCount
                && bias.map { $0.count == module.outputCount } ?? true,
            "\(module.name): a weight of \(weight.count) elements, expected "
                + "\(module.weightShape)")
        self.module = module
        self.weight = weight
        self.bias = bias
        self.adapter = adapter
    }

    /// Whether it has parameters to train.
    public var isTrainable: Bool { adapter != nil || weight.isTrained || bias?.isTrained == true }

    /// The weight as it lies in memory.
    private func matrix(_ pass: LayerPass) -> Matrix {
        weight.values(in: pass).matrix(rows: module.weightShape[0], columns: module.weightShape[1])
    }

    /// - Shapes: `output` [N, out]; `input` [N, in].
    /// - Accumulates: nothing.
    /// - Returns: what the adapter saves for the backward.
    public func forward(output: Matrix, input: Matrix, pass: LayerPass) -> Matrix? {
        let weight = matrix(pass)
        let right: Factor = module.isTransposed ? .plain(weight) : .transposed(weight)
        if let products = pass.products {
            products.product(output: output, input: input, right)
        } else {
            gemm(output: output, .plain(input), right)
        }
        let saved = adapter?.forward(output: output, input: input, weight: weight, pass: pass)
        if let bias { addBias(output: output, bias: bias.values(in: pass)) }
        return saved
    }

    /// Gradient of the input and of what is trained: weight, bias, the adapter's parameters.
    ///
    /// - Shapes: `dInput`, `input` [N, in]; `dOutput` [N, out].
    /// - Accumulates: `dInput`, where wanted, is overwritten, or added to when `accumulates`; the gradients of weight,
    ///   bias and adapter are overwritten, or added to when `accumulatesGradient`.
    public func backward(
        dInput: Matrix?, accumulates: Bool = false, dOutput: Matrix, input: Matrix, saved: Matrix?,
        accumulatesGradient: Bool = false, pass: LayerPass
    ) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let weight = matrix(pass)
        if dInput != nil || self.weight.isTrained {
            let dBase = adapter?.baseGradient(dOutput: dOutput, weight: weight, pass: pass) ?? dOutput
            if let dInput {
                gemm(
                    output: dInput, .plain(dBase),
                    module.isTransposed ? .transposed(weight) : .plain(weight), beta: accumulates ? 1 : 0)
            }
            self.weight.forEachGradient(in: pass, rowCount: input.rows) { dWeight, rows in
                // dW = dYᵀ · X, or its transpose Xᵀ · dY, over the micro-batch's own rows.
                let (dY, x) = (dBase.rows(rows), input.rows(rows))
                let (left, right) = module.isTransposed ? (x, dY) : (dY, x)
                gemm(
                    output: dWeight.matrix(rows: left.columns, columns: right.columns), .transposed(left),
                    .plain(right), beta: accumulatesGradient ? 1 : 0)
            }
        }
        bias?.forEachGradient(in: pass, rowCount: input.rows) { dBias, rows in
            biasBackward(dBias: dBias, dOutput: dOutput.rows(rows), accumulates: accumulatesGradient)
        }
        adapter?.backward(
            dInput: dInput, dOutput: dOutput, input: input, weight: weight, saved: saved,
            accumulatesGradient: accumulatesGradient, pass: pass)
    }
}
