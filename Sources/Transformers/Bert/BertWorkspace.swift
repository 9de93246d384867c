import Kernels
import Layers

/// Scratch memory of one compute thread for a ``BertModel``: grows to the largest micro-batch it meets, then allocates
/// nothing more.
///
/// - Thread: one at a time.
public final class BertWorkspace {
    let activations = Arena()
    let scratch = Arena()
    var rows = BatchRows()
    var blocks: [KeptBlock<BertBlock.Activations>] = []

    /// Bytes of activations and scratch held.
    public var byteCount: Int { (activations.capacity + scratch.capacity) * 4 }

    /// Gives back all memory of the last pass.
    func reset() {
        blocks.removeAll(keepingCapacity: true)
        activations.reset()
        scratch.reset()
    }
}
