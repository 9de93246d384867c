import Kernels
import Layers
import Tensors

/// One block: norm(x + attention(x)), then norm(… + feedForward(…)).
///
/// - Source: `BertLayer` of Hugging Face transformers 5.23.
struct BertBlock: Sendable {
    let attention: SelfAttention
    let attentionNorm: LayerNormLayer
    let feedForward: FeedForward
    let outputNorm: LayerNormLayer

    /// What the forward keeps for the backward.
    struct Activations {
        /// [N, C] the block's input.
        let input: Matrix
        let attention: SelfAttention.Activations
        /// [M, H·D] the heads' results of the selected rows, what the output projection was given.
        let heads: Matrix
        let savedOutput: Matrix?
        /// [M, C] what the attention's norm was given, and what it made of it.
        let attended: Matrix
        let middle: Matrix
        let attentionStatistics: Vector
        let feedForward: FeedForward.Activations
        /// [M, C] what the last norm was given.
        let fed: Matrix
        let outputStatistics: Vector
    }

    /// Whether any of its tensors or adapters is trained.
    var isTrainable: Bool { trainsMiddle || trainsFeedForward || outputNorm.isTrainable }
    private var trainsFeedForward: Bool { feedForward.hasTrainableInputs || feedForward.down.isTrainable }
    /// Whether anything up to what the feed-forward part is given is trained.
    private var trainsMiddle: Bool { trainsAttention || attentionNorm.isTrainable }
    private var trainsAttention: Bool { attention.hasTrainableInputs || attention.output.isTrainable }

    /// - Shapes: `input` [N, C]; `output` [M, C], M = `selected`?.count ?? N.
    /// - Parameter selected: the rows wanted; all when nil. Queries, keys and values are computed for all rows.
    /// - Returns: activations in `pass.activations`.
    func forward(
        output: Matrix, input: Matrix, spans: [SequenceSpan], selected: [Int32]?, selectedPass: LayerPass,
        pass: LayerPass
    ) -> Activations {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let (kept, rows, columns) = (pass.activations, output.rows, output.columns)
        let result = attention.forward(input: input, spans: spans, rotary: nil, pass: pass)
        var (heads, residual) = (result.heads, input)
        if let selected {
            heads = kept.matrix(rows: rows, columns: heads.columns)
            gatherRows(output: heads, input: result.heads, indices: selected)
            residual = pass.scratch.matrix(rows: rows, columns: columns)
            gatherRows(output: residual, input: input, indices: selected)
        }
        let attended = kept.matrix(rows: rows, columns: columns)
        let savedOutput = attention.output.forward(output: attended, input: heads, pass: selectedPass)
        add(output: attended, attended, residual)
        let middle = kept.matrix(rows: rows, columns: columns)
        let attentionStatistics = kept.vector(rows * attentionNorm.statisticsColumns)
        attentionNorm.forward(
            output: middle, statistics: attentionStatistics, input: attended, pass: selectedPass)

        let fed = kept.matrix(rows: rows, columns: columns)
        let feedForwardActivations = feedForward.forward(output: fed, input: middle, pass: selectedPass)
        add(output: fed, fed, middle)
        let outputStatistics = kept.vector(rows * outputNorm.statisticsColumns)
        outputNorm.forward(output: output, statistics: outputStatistics, input: fed, pass: selectedPass)
        return Activations(
            input: input, attention: result, heads: heads, savedOutput: savedOutput, attended: attended,
            middle: middle, attentionStatistics: attentionStatistics, feedForward: feedForwardActivations,
            fed: fed, outputStatistics: outputStatistics)
    }

    /// Gradients of the block's parameters and, where wanted, of its input.
    ///
    /// - Shapes: `dOutput` [M, C], ∂loss/∂output; `dInput` [N, C], another matrix.
    /// - Parameters:
    ///   - dInput: where ∂loss/∂input goes; overwritten, or undefined where it is not reached.
    ///   - reachesInput: whether anything before the block is trained; if not, the way back ends at the lowest
    ///     trained map.
    func backward(
        dInput: Matrix, dOutput: Matrix, activations: Activations, spans: [SequenceSpan],
        selected: [Int32]?, selectedPass: LayerPass, reachesInput: Bool, pass: LayerPass
    ) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        func matrix() -> Matrix { pass.scratch.matrix(rows: dOutput.rows, columns: dOutput.columns) }
        let reachesMiddle = reachesInput || trainsMiddle
        let dFed = reachesMiddle || trainsFeedForward ? matrix() : nil
        if let dFed { fill(dFed, with: 0) }
        outputNorm.backward(
            dInput: dFed, dOutput: dOutput, input: activations.fed, statistics: activations.outputStatistics,
            pass: selectedPass)
        guard let dFed else { return }
        let dMiddle = reachesMiddle ? matrix() : nil
        feedForward.backward(
            dInput: dMiddle, dOutput: dFed, input: activations.middle, activations: activations.feedForward,
            stopsAtDown: !reachesMiddle && !feedForward.hasTrainableInputs, pass: selectedPass)
        guard let dMiddle else { return }
        add(output: dMiddle, dMiddle, dFed)

        let reachesAttention = reachesInput || trainsAttention
        let dAttended = reachesAttention ? dFed : nil
        if let dAttended { fill(dAttended, with: 0) }
        attentionNorm.backward(
            dInput: dAttended, dOutput: dMiddle, input: activations.attended,
            statistics: activations.attentionStatistics, pass: selectedPass)
        guard let dAttended else { return }
        attentionBackward(
            dInput: dInput, dAttended: dAttended, activations: activations, spans: spans, selected: selected,
            selectedPass: selectedPass, reachesInput: reachesInput, pass: pass)
    }

    private func attentionBackward(
        dInput: Matrix, dAttended: Matrix, activations: Activations, spans: [SequenceSpan],
        selected: [Int32]?, selectedPass: LayerPass, reachesInput: Bool, pass: LayerPass
    ) {
        let reachesHeads = reachesInput || attention.hasTrainableInputs
        let dSelectedHeads =
            reachesHeads
            ? pass.scratch.matrix(rows: dAttended.rows, columns: activations.heads.columns) : nil
        attention.output.backward(
            dInput: dSelectedHeads, dOutput: dAttended, input: activations.heads,
            saved: activations.savedOutput, pass: selectedPass)
        guard var dHeads = dSelectedHeads else { return }
        var dResidual = dAttended
        if let selected {
            let selectedHeads = dHeads
            dHeads = pass.scratch.matrix(rows: dInput.rows, columns: selectedHeads.columns)
            scatterRows(output: dHeads, input: selectedHeads, indices: selected)
            dResidual = pass.scratch.matrix(rows: dInput.rows, columns: dInput.columns)
            scatterRows(output: dResidual, input: dAttended, indices: selected)
        }
        attention.backward(
            dInput: reachesInput ? dInput : nil, dHeads: dHeads, input: activations.input,
            activations: activations.attention, spans: spans, rotary: nil, pass: pass)
        if reachesInput { add(output: dInput, dInput, dResidual) }
    }
}
