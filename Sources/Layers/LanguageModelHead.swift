public import Kernels
public import Tensors

/// The map from hidden states to logits with the loss behind it, a chunk of rows at a time, so that the logits of
/// a whole micro-batch are never in memory.
public struct LanguageModelHead: Sendable {
    /// [V, C]; the embedding's matrix when the two are tied.
    public let projection: LinearLayer

    public init(projection: LinearLayer) { self.projection = projection }

    /// V
    public var vocabularySize: Int { projection.module.outputCount }

    /// Rows of logits in memory at a time: about 32 MiB of them, between 16 and 256, in steps of 16. A function of
    /// the vocabulary alone, because shapes are part of the bits.
    public var chunkRows: Int { Self.chunkRows(vocabularySize: vocabularySize) }

    /// ``chunkRows`` of a head with V = `vocabularySize`.
    public static func chunkRows(vocabularySize: Int) -> Int {
        min(max((1 << 23) / vocabularySize, 16), 256) & ~15
    }

    /// Loss of each row and its gradient.
    ///
    /// - Shapes: `dHidden`, `hidden` [M, C]; `targets` [M].
    /// - Parameter parts: the rows of each micro-batch, in order.
    /// - Accumulates: nothing; `dHidden`, where wanted, is overwritten.
    /// - Returns: for each of `parts` Σ −log p(target) in nats, in Float64 in row order.
    public func gradient(
        dHidden: Matrix?, hidden: Matrix, targets: [Int32], parts: [Range<Int>], pass: LayerPass
    ) -> [Double] {
        var lossSums = parts.map { _ in 0.0 }
        forEachChunk(of: hidden, pass: pass) { rows, logits, saved, pass in
            for (index, part) in parts.enumerated() {
                let own = part.clamped(to: rows)
                guard !own.isEmpty else { continue }
                crossEntropyGradient(
                    logits: logits.rows(own.lowerBound - rows.lowerBound..<own.upperBound - rows.lowerBound),
                    targets: targets[own], lossSum: &lossSums[index])
            }
            guard dHidden != nil || projection.isTrainable else { return }
            projection.backward(
                dInput: dHidden?.rows(rows), dOutput: logits, input: hidden.rows(rows), saved: saved,
                accumulatesGradient: rows.lowerBound > 0, pass: pass)
        }
        return lossSums
    }

    /// Loss of each row and whether its target is the likeliest id.
    ///
    /// - Shapes: `hidden` [M, C]; `targets` [M].
    /// - Accumulates: appends M scores.
    public func scores(hidden: Matrix, targets: [Int32], into scores: inout [TokenScore], pass: LayerPass) {
        forEachChunk(of: hidden, pass: pass) { rows, logits, _, _ in
            crossEntropyScores(logits: logits, targets: targets[rows], into: &scores)
        }
    }

    /// Calls `body` with each chunk's rows, logits and what the adapter saved.
    private func forEachChunk(
        of hidden: Matrix, pass: LayerPass, _ body: (Range<Int>, Matrix, Matrix?, LayerPass) -> Void
    ) {
        let scratch = pass.scratch.mark
        let kept = pass.activations.mark
        for first in stride(from: 0, to: hidden.rows, by: chunkRows) {
            let rows = first..<min(first + chunkRows, hidden.rows)
            let logits = pass.scratch.matrix(rows: rows.count, columns: vocabularySize)
            var chunkPass = pass
            if projection.isTrainable { chunkPass.dropout?.select(rows) }
            let saved = projection.forward(output: logits, input: hidden.rows(rows), pass: chunkPass)
            body(rows, logits, saved, chunkPass)
            pass.scratch.release(to: scratch)
            pass.activations.release(to: kept)
        }
    }
}
