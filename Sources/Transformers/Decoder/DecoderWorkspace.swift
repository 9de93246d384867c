import Kernels
import Layers
import Tensors

/// Scratch memory of one compute thread for a ``CausalDecoder``: grows to the largest micro-batch it meets, then
/// allocates nothing more.
///
/// - Thread: one at a time.
public final class DecoderWorkspace {
    let activations = Arena()
    let scratch = Arena()
    /// Of the positions so far; nil where the model learned them.
    var rotary: RotaryTable?
    var blocks: [DecoderBlock.Activations] = []
    var spans: [SequenceSpan] = []
    /// Rows that have a target, in order.
    var supervisedRows: [Int32] = []
    /// Their targets.
    var supervisedTargets: [Int32] = []
    /// Of each row, the place of its token in the whole text.
    var positions: [Int32] = []
    var rows = DropoutRows()
    var supervisedDropoutRows = DropoutRows()
    var tokenScores: [TokenScore] = []

    /// Threads that share products, in generation only.
    let products: ProductThreads?

    init(rotary: RotaryTable?, products: ProductThreads? = nil) {
        self.rotary = rotary
        self.products = products
    }

    /// Bytes of activations and scratch held.
    public var byteCount: Int { (activations.capacity + scratch.capacity) * 4 }

    /// Gives back all memory of the last pass.
    func reset() {
        blocks.removeAll(keepingCapacity: true)
        activations.reset()
        scratch.reset()
    }
}
