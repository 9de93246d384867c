public import Tensors

/// A model that can also continue a text token by token.
public protocol GenerativeModel: TransformerModel {
    /// V
    var vocabularySize: Int { get }
    /// The longest sequence it can attend over.
    var contextLength: Int { get }

    /// A workspace whose products are shared by `threadCount` threads, for one text at a time.
    func makeGenerationWorkspace(threadCount: Int) -> Workspace

    /// An empty cache of keys and values for one text.
    func makeCache() -> KeyValueCache

    /// Appends `tokenIDs` to what `cache` holds and computes the logits of the last of them.
    ///
    /// - Shapes: `logits` [V], overwritten; `parameters` [trainable.count].
    /// - Throws: ``TransformerError`` with code `.sequenceTooLong` or `.invalidBatch`.
    func logits(
        following tokenIDs: [Int32], cache: KeyValueCache, parameters: Vector, workspace: Workspace,
        into logits: Vector
    ) throws
}
