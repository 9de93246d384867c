import Kernels
public import Tensors

/// output = input · weightᵀ + bias, with an optional adapter: one linear map of a model.
///
/// - Thread: any number at a time; holds no state of a pass.
public struct LinearLayer: Sendable {
    public let module: LinearModule
    /// [out, in]
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
                + "[\(module.outputCount), \(module.inputCount)]")
        self.module = module
        self.weight = weight
        self.bias = bias
        self.adapter = adapter
    }

    /// Whether it has parameters to train.
    public var isTrainable: Bool { adapter != nil || weight.isTrained || bias?.isTrained == true }

    /// [out, in]
    private func matrix(_ pass: LayerPass) -> Matrix {
        weight.values(in: pass).matrix(rows: module.outputCount, columns: module.inputCount)
    }

    /// - Shapes: `output` [N, out]; `input` [N, in].
    /// - Accumulates: nothing.
    /// - Returns: what the adapter saves for the backward.
    public func forward(output: Matrix, input: Matrix, pass: LayerPass) -> Matrix? {
        let weight = matrix(pass)
        if let products = pass.products {
            products.product(output: output, input: input, weight: weight)
        } else {
            gemm(output: output, .plain(input), .transposed(weight))
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
            if let dInput { gemm(output: dInput, .plain(dBase), .plain(weight), beta: accumulates ? 1 : 0) }
            self.weight.forEachGradient(in: pass, rowCount: input.rows) { dWeight, rows in
                // dW = dYᵀ · X, over the micro-batch's own rows.
                gemm(
                    output: dWeight.matrix(rows: module.outputCount, columns: module.inputCount),
                    .transposed(dBase.rows(rows)), .plain(input.rows(rows)),
                    beta: accumulatesGradient ? 1 : 0)
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
