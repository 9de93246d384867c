import Kernels
import Layers
import Tensors

extension CausalDecoder {
    /// Blocks whose results a cache can keep: those below the lowest that is trained, but for the last, which computes
    /// the rows that have a target only. None where bits depend on what is computed together.
    var cacheableBlockCount: Int {
        ProductVariant.inUse == .blas ? 0 : max(0, min(lowestReachedBlock, blocks.count - 1))
    }

    /// The residual stream behind the cacheable blocks, of the rows that `workspace` has loaded.
    ///
    /// - Shapes: `output` [N, C].
    func frozenStream(
        into output: Matrix, cache: ActivationCache, workspace: DecoderWorkspace, pass: LayerPass
    ) {
        let kept = pass.activations.mark
        defer { pass.activations.release(to: kept) }
        let rows = workspace.rows
        cache.fill(output, ids: rows.tokenIDs, spans: rows.spans) { missing in
            let spans = BatchRows.consecutive(missing)
            let count = spans.last?.rows.upperBound ?? 0
            var stream = pass.activations.matrix(rows: count, columns: output.columns)
            var other = pass.activations.matrix(rows: count, columns: output.columns)
            embed(
                rows.gathered(rows.tokenIDs, of: missing),
                positions: rows.gathered(rows.positions, of: missing), output: stream, pass: pass)
            for block in blocks[..<cacheableBlockCount] {
                let mark = pass.activations.mark
                _ = block.forward(
                    output: other, input: stream, reach: .spans(spans), selected: nil, selectedPass: pass,
                    rotary: workspace.rotary, pass: pass)
                pass.activations.release(to: mark)
                (stream, other) = (other, stream)
            }
            return stream
        }
    }
}
