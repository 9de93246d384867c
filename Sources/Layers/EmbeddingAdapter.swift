public import Tensors

/// A trainable change of one frozen embedding, as ``LinearAdapter`` is of a linear map.
public protocol EmbeddingAdapter: Sendable {
    /// Applies the adapter to the rows that were looked up.
    ///
    /// - Shapes: `output` [N, C] holds the rows of `table` [V, C] that `ids` [N] name, and is changed in place.
    func forward(output: Matrix, ids: [Int32], table: Matrix, pass: LayerPass)

    /// Writes the gradients of its parameters.
    ///
    /// - Shapes: `dOutput` [N, C]; `ids` [N]; `table` [V, C].
    /// - Accumulates: nothing; its slices of `pass.gradients` are overwritten.
    func backward(dOutput: Matrix, ids: [Int32], table: Matrix, pass: LayerPass)
}
