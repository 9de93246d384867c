import Kernels
import Layers
import Tensors

extension BertModel {
    /// Blocks whose results a cache can keep: those below the lowest that is trained, but for the last, which computes
    /// the rows that have a target only. None where bits depend on what is computed together.
    var cacheableBlockCount: Int {
        ProductVariant.inUse == .blas ? 0 : max(0, min(lowestReachedBlock, blocks.count - 1))
    }

    /// What the cacheable blocks make of the rows that `workspace` has loaded.
    ///
    /// - Shapes: `output` [N, C]; `places` [N], rows of the table of positions.
    func frozenStream(
        into output: Matrix, places: [Int32], cache: ActivationCache, workspace: BertWorkspace,
        pass: LayerPass
    ) {
        let kept = pass.activations.mark
        defer { pass.activations.release(to: kept) }
        let rows = workspace.rows
        cache.fill(output, ids: rows.tokenIDs, spans: rows.spans) { missing in
            let spans = BatchRows.consecutive(missing)
            let count = spans.last?.rows.upperBound ?? 0
            var stream = pass.activations.matrix(rows: count, columns: output.columns)
            var other = pass.activations.matrix(rows: count, columns: output.columns)
            _ = embedding.forward(
                output: stream, ids: rows.gathered(rows.tokenIDs, of: missing),
                places: rows.gathered(places, of: missing), pass: pass)
            for block in blocks[..<cacheableBlockCount] {
                let mark = pass.activations.mark
                _ = block.forward(
                    output: other, input: stream, spans: spans, selected: nil, selectedPass: pass, pass: pass)
                pass.activations.release(to: mark)
                (stream, other) = (other, stream)
            }
            return stream
        }
    }
}
