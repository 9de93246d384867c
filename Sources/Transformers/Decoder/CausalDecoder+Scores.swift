import Kernels
import Layers
public import Tensors

extension CausalDecoder {
    /// Scores each sequence of a micro-batch without dropout.
    ///
    /// A sequence with a prefix sees all of that one, which is computed once however many continue it. The last token
    /// of a prompt predicts the first of its completion, so a shared prefix ends one token before the prompt does and
    /// each completion starts with the prompt's last token.
    public func scores(of batch: MicroBatch, parameters: Vector, workspace: DecoderWorkspace) throws
        -> [SequenceScore]
    {
        precondition(
            parameters.count == trainable.count, "\(parameters.count) parameters for \(trainable.count)")
        try workspace.load(batch, configuration: configuration, isTraining: false)
        try weights.checkIntact()
        workspace.tokenScores.removeAll(keepingCapacity: true)
        if !workspace.rows.supervisedRows.isEmpty {
            let pass = LayerPass(
                parameters: parameters, gradients: [], dropout: nil, activations: workspace.activations,
                scratch: workspace.scratch)
            workspace.reset()
            let last = forward(
                keepsFrom: blocks.count, workspace: workspace, pass: pass, supervised: pass)
            let hidden = pass.scratch.matrix(rows: last.rows, columns: last.columns)
            finalNorm.forward(
                output: hidden, statistics: pass.scratch.vector(last.rows * finalNorm.statisticsColumns),
                input: last, pass: pass)
            head.scores(
                hidden: hidden, targets: workspace.rows.supervisedTargets, into: &workspace.tokenScores,
                pass: pass)
            try weights.checkIntact()
        }
        return sequenceScores(batch, tokenScores: workspace.tokenScores)
    }

    /// Sums the scores of the supervised tokens by sequence.
    private func sequenceScores(_ batch: MicroBatch, tokenScores: [TokenScore]) -> [SequenceScore] {
        var next = 0
        return batch.sequences.map { sequence in
            var score = SequenceScore(lossSum: 0, tokenCount: 0, greedyMatches: 0)
            for row in sequence.range where batch.targets[row] != MicroBatch.noTarget {
                score.lossSum += tokenScores[next].loss
                score.tokenCount += 1
                score.greedyMatches += tokenScores[next].isGreedyMatch ? 1 : 0
                next += 1
            }
            return score
        }
    }
}
