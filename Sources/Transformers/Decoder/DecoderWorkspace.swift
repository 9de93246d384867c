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
    var blocks: [KeptBlock<DecoderBlock.Activations>] = []
    var rows = BatchRows()
    var tokenScores: [TokenScore] = []

    /// Threads that share products, in generation only.
    let products: ProductThreads?

    init(rotary: RotaryTable?, products: ProductThreads? = nil) {
        self.rotary = rotary
        self.products = products
    }

    /// Bytes of activations and scratch held.
    public var byteCount: Int { (activations.capacity + scratch.capacity) * 4 }

    /// Takes over a micro-batch that may come from outside.
    ///
    /// - Parameter isTraining: no sequence continues another then, and tokens behind the last target of theirs are left
    ///   out.
    /// - Throws: as ``BatchRows/load(_:limits:)``.
    func load(_ batch: MicroBatch, configuration: any DecoderConfiguration, isTraining: Bool)
        throws(TransformerError)
    {
        try rows.load(
            batch,
            limits: BatchRows.Limits(
                vocabularySize: configuration.vocabularySize, targetCount: configuration.vocabularySize,
                contextLength: configuration.contextLength, allowsPrefixes: !isTraining,
                endsAtLastTargets: isTraining))
        rotary?.reserve(positions: rows.spans.map(\.positionCount).max() ?? 0)
    }

    /// Gives back all memory of the last pass.
    func reset() {
        blocks.removeAll(keepingCapacity: true)
        activations.reset()
        scratch.reset()
    }
}
