import Kernels
public import Tensors

/// output = input · weightᵀ + bias, with an optional adapter: one linear map of a model.
///
/// - Thread: any number at a time; holds no state of a pass.
public struct LinearLayer: Sendable {
    public let module: LinearModule
    /// [out, in], frozen.
    public let weight: Matrix
    /// [out], frozen.
    public let bias: Vector?
    public let adapter: (any LinearAdapter)?

    /// - Precondition: `weight` and `bias` have the module's shape.
    public init(
        module: LinearModule, weight: Matrix, bias: Vector? = nil, adapter: (any LinearAdapter)? = nil
    ) {
        precondition(
            weight.rows == module.outputCount && weight.columns == module.inputCount
                && bias.map { $0.count == module.outputCount } ?? true,
            "\(module.name): weight [\(weight.rows), \(weight.columns)], expected "
                + "[\(module.outputCount), \(module.inputCount)]")
        self.module = module
        self.weight = weight
        self.bias = bias
        self.adapter = adapter
    }

    /// Whether it has parameters to train.
    public var isTrainable: Bool { adapter != nil }

    /// - Shapes: `output` [N, out]; `input` [N, in].
    /// - Accumulates: nothing.
    /// - Returns: what the adapter saves for the backward.
    public func forward(output: Matrix, input: Matrix, pass: LayerPass) -> Matrix? {
        if let products = pass.products {
            products.product(output: output, input: input, weight: weight)
        } else {
            gemm(output: output, .plain(input), .transposed(weight))
        }
        let saved = adapter?.forward(output: output, input: input, weight: weight, pass: pass)
        if let bias { addBias(output: output, bias: bias) }
        return saved
    }

    /// Gradient of the input and of the adapter's parameters.
    ///
    /// - Shapes: `dInput`, `input` [N, in]; `dOutput` [N, out].
    /// - Accumulates: `dInput`, where wanted, is overwritten, or added to when `accumulates`; the adapter's gradient
    ///   is overwritten, or added to when `accumulatesGradient`.
    public func backward(
        dInput: Matrix?, accumulates: Bool = false, dOutput: Matrix, input: Matrix, saved: Matrix?,
        accumulatesGradient: Bool = false, pass: LayerPass
    ) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        if let dInput {
            let dBase = adapter?.baseGradient(dOutput: dOutput, saved: saved, pass: pass) ?? dOutput
            gemm(output: dInput, .plain(dBase), .plain(weight), beta: accumulates ? 1 : 0)
        }
        adapter?.backward(
            dInput: dInput, dOutput: dOutput, input: input, weight: weight, saved: saved,
            accumulatesGradient: accumulatesGradient, pass: pass)
    }
}
