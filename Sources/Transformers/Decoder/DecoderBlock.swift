import Kernels
import Layers
import Tensors

/// One block: x + attention(norm(x)), then + feedForward(norm(…)).
///
/// - Source: `LlamaDecoderLayer` and `GPT2Block` of Hugging Face transformers 5.23.
struct DecoderBlock: Sendable {
    let inputNorm: any Normalization
    let attention: SelfAttention
    let attentionNorm: any Normalization
    let feedForward: FeedForward

    /// What the forward keeps for the backward.
    struct Activations {
        /// [N, C] the block's input.
        let input: Matrix
        /// Of the input norm.
        let statistics: Vector
        let attention: SelfAttention.Activations
        /// [M, H·D] the heads' results of the selected rows, what the output projection was given.
        let heads: Matrix
        let savedOutput: Matrix?
        /// [M, C] the residual stream between attention and feed-forward.
        let middle: Matrix
        /// Of the attention norm.
        let middleStatistics: Vector
        let feedForward: FeedForward.Activations
    }

    /// Whether any of its tensors or adapters is trained.
    var isTrainable: Bool { trainsAttention || trainsFeedForward }
    private var trainsAttention: Bool { trainsBelowHeads || attention.output.isTrainable }
    /// Whether anything before the heads' results is trained.
    private var trainsBelowHeads: Bool { attention.hasTrainableInputs || inputNorm.isTrainable }
    private var trainsFeedForward: Bool {
        feedForward.hasTrainableInputs || feedForward.down.isTrainable || attentionNorm.isTrainable
    }

    /// What the tokens of a pass attend to.
    enum Reach {
        /// Each to its own sequence.
        case spans([SequenceSpan])
        /// All to what a cache holds, whose last rows are theirs.
        case cache(KeyValueRows)
    }

    /// - Shapes: `input` [N, C]; `output` [M, C], M = `selected`?.count ?? N.
    /// - Parameter selected: the rows wanted; all when nil. Keys and values are computed for all rows.
    /// - Returns: activations in `pass.activations`.
    func forward(
        output: Matrix, input: Matrix, reach: Reach, selected: [Int32]?, selectedPass: LayerPass,
        rotary: RotaryTable?, pass: LayerPass
    ) -> Activations {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let kept = pass.activations
        let (columns, rows) = (input.columns, output.rows)
        let statistics = kept.vector(input.rows * inputNorm.statisticsColumns)
        let normed = pass.scratch.matrix(rows: input.rows, columns: columns)
        inputNorm.forward(output: normed, statistics: statistics, input: input, pass: pass)
        let attended =
            switch reach {
            case .spans(let spans):
                attention.forward(input: normed, spans: spans, rotary: rotary, pass: pass)
            case .cache(let rows):
                attention.forward(input: normed, continuing: rows, rotary: rotary, pass: pass)
            }

        var (heads, residual) = (attended.heads, input)
        if let selected {
            heads = kept.matrix(rows: rows, columns: heads.columns)
            gatherRows(output: heads, input: attended.heads, indices: selected)
            residual = pass.scratch.matrix(rows: rows, columns: columns)
            gatherRows(output: residual, input: input, indices: selected)
        }
        let middle = kept.matrix(rows: rows, columns: columns)
        let savedOutput = attention.output.forward(output: middle, input: heads, pass: selectedPass)
        add(output: middle, middle, residual)

        let middleStatistics = kept.vector(rows * attentionNorm.statisticsColumns)
        let middleNormed = pass.scratch.matrix(rows: rows, columns: columns)
        attentionNorm.forward(
            output: middleNormed, statistics: middleStatistics, input: middle, pass: selectedPass)
        let fed = feedForward.forward(output: output, input: middleNormed, pass: selectedPass)
        add(output: output, output, middle)
        return Activations(
            input: input, statistics: statistics, attention: attended, heads: heads,
            savedOutput: savedOutput, middle: middle, middleStatistics: middleStatistics, feedForward: fed)
    }

    /// Gradients of the block's parameters and, where wanted, of its input.
    ///
    /// - Shapes: `dStream` [M, C], ∂loss/∂output, destroyed; `dInput` [N, C].
    /// - Parameters:
    ///   - dInput: where ∂loss/∂input goes; the same matrix as `dStream` when no rows were selected.
    ///   - reachesInput: whether anything before the block is trained; if not, the way back ends at the lowest
    ///     trained map and `dInput` is undefined.
    func backward(
        dInput: Matrix, dStream: Matrix, activations: Activations, spans: [SequenceSpan],
        selected: [Int32]?, selectedPass: LayerPass, reachesInput: Bool, rotary: RotaryTable?,
        pass: LayerPass
    ) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let reachesMiddle = reachesInput || trainsAttention
        feedForwardBackward(
            dStream: dStream, activations: activations, reachesMiddle: reachesMiddle, pass: selectedPass)
        guard reachesMiddle else { return }

        let reachesHeads = reachesInput || trainsBelowHeads
        let dSelectedHeads =
            reachesHeads
            ? pass.scratch.matrix(rows: dStream.rows, columns: activations.heads.columns) : nil
        attention.output.backward(
            dInput: dSelectedHeads, dOutput: dStream, input: activations.heads,
            saved: activations.savedOutput, pass: selectedPass)
        guard var dHeads = dSelectedHeads else { return }
        if let selected {
            let selectedHeads = dHeads
            dHeads = pass.scratch.matrix(rows: dInput.rows, columns: selectedHeads.columns)
            scatterRows(output: dHeads, input: selectedHeads, indices: selected)
            scatterRows(output: dInput, input: dStream, indices: selected)
        }
        let normed = pass.scratch.matrix(rows: dInput.rows, columns: dInput.columns)
        inputNorm.replay(
            output: normed, input: activations.input, statistics: activations.statistics, pass: pass)
        let dNormed =
            reachesInput || inputNorm.isTrainable
            ? pass.scratch.matrix(rows: dInput.rows, columns: dInput.columns) : nil
        attention.backward(
            dInput: dNormed, dHeads: dHeads, input: normed, activations: activations.attention, spans: spans,
            rotary: rotary, pass: pass)
        if let dNormed {
            inputNorm.backward(
                dInput: reachesInput ? dInput : nil, dOutput: dNormed, input: activations.input,
                statistics: activations.statistics, pass: pass)
        }
    }

    /// The feed-forward half: on return `dStream` is ∂loss/∂middle, where that is wanted.
    private func feedForwardBackward(
        dStream: Matrix, activations: Activations, reachesMiddle: Bool, pass: LayerPass
    ) {
        guard reachesMiddle || trainsFeedForward else { return }
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let (rows, columns) = (dStream.rows, dStream.columns)
        let normed = pass.scratch.matrix(rows: rows, columns: columns)
        if feedForward.hasTrainableInputs {
            attentionNorm.replay(
                output: normed, input: activations.middle, statistics: activations.middleStatistics,
                pass: pass)
        }
        let reachesNorm = reachesMiddle || attentionNorm.isTrainable
        let dNormed = reachesNorm ? pass.scratch.matrix(rows: rows, columns: columns) : nil
        feedForward.backward(
            dInput: dNormed, dOutput: dStream, input: normed, activations: activations.feedForward,
            stopsAtDown: !reachesNorm && !feedForward.hasTrainableInputs, pass: pass)
        if let dNormed {
            attentionNorm.backward(
                dInput: reachesMiddle ? dStream : nil, dOutput: dNormed, input: activations.middle,
                statistics: activations.middleStatistics, pass: pass)
        }
    }
}
