import Kernels
import Layers
import Tensors

/// The frozen blocks below the lowest trained one, as a cache computes them for the texts it lacks.
struct FrozenBlocks {
    /// How many they are.
    let count: Int
    /// What the first block is given. ids, places [N]; output [N, C].
    let embed: (_ output: Matrix, _ ids: [Int32], _ places: [Int32]) -> Void
    /// Block `index`. Both matrices [N, C].
    let forward: (_ index: Int, _ output: Matrix, _ input: Matrix, _ spans: [SequenceSpan]) -> Void

    /// Blocks whose results can be kept, of `blockCount` with the lowest trained one `lowest`: those below it, but for the last, which
    /// computes the rows that have a target only. None where bits depend on what is computed together.
    static func cacheableCount(lowest: Int, of blockCount: Int) -> Int {
        ProductVariant.inUse == .blas ? 0 : max(0, min(lowest, blockCount - 1))
    }

    /// What they make of the texts of `rows`, with what `cache` has.
    ///
    /// - Shapes: `output` [N, C]; `places` [N].
    func run(into output: Matrix, rows: BatchRows, places: [Int32], cache: ActivationCache, arena: Arena) {
        let kept = arena.mark
        defer { arena.release(to: kept) }
        cache.fill(output, ids: rows.tokenIDs, spans: rows.spans) { missing in
            var spans: [SequenceSpan] = []
            for text in missing {
                let start = spans.last?.rows.upperBound ?? 0
                spans.append(SequenceSpan(rows: start..<start + text.rows.count))
            }
            let size = spans.last?.rows.upperBound ?? 0
            var stream = arena.matrix(rows: size, columns: output.columns)
            var other = arena.matrix(rows: size, columns: output.columns)
            embed(stream, missing.flatMap { rows.tokenIDs[$0.rows] }, missing.flatMap { places[$0.rows] })
            for index in 0..<count {
                let mark = arena.mark
                forward(index, other, stream, spans)
                arena.release(to: mark)
                (stream, other) = (other, stream)
            }
            return stream
        }
    }
}
