import Kernels
public import Tensors

/// The rows of a table that token ids name, with the table frozen or trained, and an optional adapter.
///
/// - Thread: any number at a time; holds no state of a pass.
public struct EmbeddingLayer: Sendable {
    /// [V, C]; also the head's where the two are tied.
    public let weight: Weight
    /// V
    public let vocabularySize: Int
    /// C
    public let columns: Int
    public let adapter: (any EmbeddingAdapter)?

    /// - Precondition: `weight` has `vocabularySize` · `columns` elements.
    public init(
        weight: Weight, vocabularySize: Int, columns: Int, adapter: (any EmbeddingAdapter)? = nil
    ) {
        precondition(
            weight.count == vocabularySize * columns,
            "an embedding of \(weight.count) elements, expected [\(vocabularySize), \(columns)]")
        self.weight = weight
        self.vocabularySize = vocabularySize
        self.columns = columns
        self.adapter = adapter
    }

    /// Whether it has parameters to train.
    public var isTrainable: Bool { weight.isTrained || adapter != nil }

    /// [V, C]
    private func table(_ pass: LayerPass) -> Matrix {
        weight.values(in: pass).matrix(rows: vocabularySize, columns: columns)
    }

    /// - Shapes: `output` [N, C]; `ids` [N], each in 0..<V. Accumulates nothing.
    public func forward(output: Matrix, ids: [Int32], pass: LayerPass) {
        let table = table(pass)
        embeddingForward(output: output, table: table, ids: ids)
        adapter?.forward(output: output, ids: ids, table: table, pass: pass)
    }

    /// The table's gradient: the rows of `dOutput`, added in the order of the tokens; and the adapter's.
    ///
    /// - Shapes: `dOutput` [N, C]; `ids` [N].
    /// - Accumulates: the table's gradient is overwritten, or added to when `accumulates` (a tied head's is there).
    public func backward(dOutput: Matrix, ids: [Int32], accumulates: Bool, pass: LayerPass) {
        weight.forEachGradient(in: pass, rowCount: dOutput.rows) { gradient, rows in
            if !accumulates { fill(gradient, with: 0) }
            embeddingBackward(
                dTable: gradient.matrix(rows: vocabularySize, columns: columns), dOutput: dOutput.rows(rows),
                ids: ids[rows])
        }
        adapter?.backward(dOutput: dOutput, ids: ids, table: table(pass), pass: pass)
    }
}
