import Tensors

/// What the forward keeps of a block for the way back.
enum KeptBlock<Activations> {
    /// All that its backward reads.
    case activations(Activations)
    /// [N, C] its input alone, from which the block is computed once more: the same operations on the same values, so the
    /// same bits.
    ///
    /// - Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost" (arXiv:1604.06174).
    case input(Matrix)
}
