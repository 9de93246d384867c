import Kernels
import Layers
import Tensors

/// What BERT makes of ids: norm(word + segment + position), with every token of segment 0, or norm(word + position).
///
/// - Source: `BertEmbeddings` of Hugging Face transformers 5.23.
struct BertEmbedding: Sendable {
    let words: EmbeddingLayer
    let positions: EmbeddingLayer
    let segments: EmbeddingLayer?
    let norm: LayerNormLayer

    /// What the forward keeps for the backward.
    struct Activations {
        /// [N, C] what the norm is given.
        let sum: Matrix
        let statistics: Vector
        /// [N] rows of the table of positions.
        let places: [Int32]
    }

    var isTrainable: Bool {
        words.isTrainable || positions.isTrainable || segments?.isTrainable == true || norm.isTrainable
    }

    /// - Shapes: `output` [N, C]; `ids`, `places` [N]. Accumulates nothing.
    func forward(output: Matrix, ids: [Int32], places: [Int32], pass: LayerPass) -> Activations {
        let sum = pass.activations.matrix(rows: output.rows, columns: output.columns)
        let statistics = pass.activations.vector(output.rows * norm.statisticsColumns)
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let part = pass.scratch.matrix(rows: output.rows, columns: output.columns)
        words.forward(output: sum, ids: ids, pass: pass)
        if let segments {
            segments.forward(output: part, ids: ids.map { _ in 0 }, pass: pass)
            add(output: sum, sum, part)
        }
        positions.forward(output: part, ids: places, pass: pass)
        add(output: sum, sum, part)
        norm.forward(output: output, statistics: statistics, input: sum, pass: pass)
        return Activations(sum: sum, statistics: statistics, places: places)
    }

    /// Gradients of what is trained.
    ///
    /// - Shapes: `dOutput` [N, C].
    /// - Accumulates: the gradient of the words where it is a head's, too (`wordsAccumulate`); the others are overwritten.
    func backward(
        dOutput: Matrix, activations: Activations, ids: [Int32], wordsAccumulate: Bool, pass: LayerPass
    ) {
        guard isTrainable else { return }
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let dSum = pass.scratch.matrix(rows: dOutput.rows, columns: dOutput.columns)
        fill(dSum, with: 0)
        norm.backward(
            dInput: dSum, dOutput: dOutput, input: activations.sum, statistics: activations.statistics,
            pass: pass)
        words.backward(dOutput: dSum, ids: ids, accumulates: wordsAccumulate, pass: pass)
        segments?.backward(dOutput: dSum, ids: ids.map { _ in 0 }, accumulates: false, pass: pass)
        positions.backward(dOutput: dSum, ids: activations.places, accumulates: false, pass: pass)
    }
}
