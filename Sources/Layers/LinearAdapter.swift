public import Tensors

/// A trainable change of one frozen linear map, e.g. LoRA.
///
/// Its parameters lie in the flat vector of the pass, where ``LinearAdapterSettings/makeAdapter(for:layout:)`` put
/// them. An adapter has no state of its own, so all threads share it.
public protocol LinearAdapter: Sendable {
    /// Applies the adapter to the frozen map's result.
    ///
    /// - Shapes: `output` [N, out] holds input · weightᵀ (no bias yet) and is changed in place; `input` [N, in];
    ///   `weight` as the module's `weightShape` says, [out, in] or [in, out].
    /// - Returns: what ``backward(dInput:accumulates:dOutput:input:weight:saved:accumulatesGradient:pass:)`` needs,
    ///   taken from `pass.activations`.
    func forward(output: Matrix, input: Matrix, weight: Matrix, pass: LayerPass) -> Matrix?

    /// Writes the gradients of its parameters and its part of the input's gradient.
    ///
    /// - Shapes: `dInput`, `input` [N, in]; `dOutput` [N, out]; `weight` as in the forward.
    /// - Accumulates: `dInput` when it is given (the frozen map's part comes first or later); its slices of
    ///   `pass.gradients` are overwritten, or added to when `accumulatesGradient`.
    func backward(
        dInput: Matrix?, dOutput: Matrix, input: Matrix, weight: Matrix, saved: Matrix?,
        accumulatesGradient: Bool, pass: LayerPass)

    /// Gradient of the frozen map's result, given that of the adapted result.
    ///
    /// - Shapes: `dOutput` [N, out]; `weight` [out, in].
    /// - Returns: `dOutput` itself where the adapter only adds to the result, else a matrix in `pass.scratch`.
    func baseGradient(dOutput: Matrix, weight: Matrix, pass: LayerPass) -> Matrix
}

extension LinearAdapter {
    public func baseGradient(dOutput: Matrix, weight: Matrix, pass: LayerPass) -> Matrix { dOutput }
}

/// How to adapt one module, a linear map or an embedding: makes the adapter and enters its tensors in the layout.
public protocol LinearAdapterSettings: Sendable {
    /// Appends the adapter's tensors to `layout` under their names on disk and returns the adapter over them.
    func makeAdapter(for module: LinearModule, layout: inout ParameterLayout) -> any LinearAdapter
    /// As ``makeAdapter(for:layout:)``, for an embedding.
    func makeEmbeddingAdapter(for module: LinearModule, layout: inout ParameterLayout) -> any EmbeddingAdapter
    /// Float32 values that the forward keeps for each row until the backward.
    func savedColumns(for module: LinearModule) -> Int
    /// The most Float32 values of scratch that a pass needs for each row.
    func scratchColumns(for module: LinearModule) -> Int
    /// Floating-point operations that training adds for each row to those of the frozen map, forward and backward.
    func operationCount(for module: LinearModule) -> Int
}
