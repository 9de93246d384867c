import CKernels
public import Tensors

/// Heads of an attention and how they lie in a row: head h occupies columns h·D ..< (h+1)·D.
public struct AttentionShape: Sendable, Equatable {
    /// H query heads.
    public let heads: Int
    /// K key/value heads; query head h reads key/value head h · K ÷ H.
    public let keyValueHeads: Int
    /// D
    public let headDimension: Int
    /// Whether a token sees only those before it, and itself; if not, all of its sequence.
    public let isCausal: Bool

    /// - Precondition: H is a positive multiple of K.
    public init(heads: Int, keyValueHeads: Int, headDimension: Int, isCausal: Bool = true) {
        precondition(
            keyValueHeads > 0 && heads > 0 && heads % keyValueHeads == 0 && headDimension > 0,
            "\(heads) heads over \(keyValueHeads) key/value heads of \(headDimension)")
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.isCausal = isCausal
    }

    /// Query heads that read the same key/value head.
    public var sharingHeads: Int { heads / keyValueHeads }
    /// Queries whose scores are in memory at a time. The scores above the diagonal that are computed in vain grow with it;
    /// the rows of a product, ``sharingHeads`` times as many, want to be some.
    public var tileRows: Int { sharingHeads == 1 ? 64 : (max(96 / sharingHeads, 16) + 15) & ~15 }

    /// Rows and columns of the scratch for a tile of scores of at most so many queries over at most so many keys: a row for
    /// each query and head that shares the keys, and behind the scores room for a head's columns. Rows lie an odd number of
    /// cache lines apart, so that a column of them does not fall into few lines of the first cache.
    public func scoresShape(queries: Int, keys: Int) -> (rows: Int, columns: Int) {
        (sharingHeads * min(queries, tileRows), 16 * ((keys + headDimension + 15) / 16 | 1))
    }
    /// 1 ÷ √D, the factor of the scores.
    public var attentionScale: Float { 1 / Float(headDimension).squareRoot() }
    /// H · D
    public var queryColumns: Int { heads * headDimension }
    /// K · D
    public var keyValueColumns: Int { keyValueHeads * headDimension }
    /// H · D + 2 · K · D, queries, keys and values side by side.
    public var fusedColumns: Int { queryColumns + 2 * keyValueColumns }
    /// Columns of the saved statistics of a row: H maxima, then H inverse sums.
    public var statisticsColumns: Int { 2 * heads }

    /// Columns of a head, in queries that of a query head, in keys and values that of theirs.
    func columns(ofHead head: Int) -> Range<Int> { head * headDimension..<(head + 1) * headDimension }
    /// The query heads that read key/value head `index`.
    func queryHeads(reading index: Int) -> Range<Int> { index * sharingHeads..<(index + 1) * sharingHeads }
}

/// Key and value rows, after rotary; both [T, K · D].
public struct KeyValueRows: Sendable {
    public let key: Matrix
    public let value: Matrix

    public init(key: Matrix, value: Matrix) {
        precondition(
            key.rows == value.rows && key.columns == value.columns,
            "keys [\(key.rows), \(key.columns)], values [\(value.rows), \(value.columns)]")
        self.key = key
        self.value = value
    }

    /// Rows `range` of both.
    public func rows(_ range: Range<Int>) -> KeyValueRows {
        KeyValueRows(key: key.rows(range), value: value.rows(range))
    }
}

/// Attention of one sequence, causal unless `shape` says otherwise: output = softmax(Q·Kᵀ ÷ √D) · V per head.
///
/// With Tk own keys and Tq ≤ Tk queries, query t sees all of `prefixes` and the own keys up to Tk − Tq + t (so the
/// queries are the sequence's last positions, as in incremental decoding; in training Tq = Tk), or all of them where it is
/// not causal.
///
/// - Shapes: `output`, `query` [Tq, H·D]; `statistics` [Tq, 2H]; `own` and each of `prefixes` [T, K·D];
///   `scores` as ``AttentionShape/scoresShape(queries:keys:)`` says, for Σ prefix rows + Tk keys.
/// - Saves: in `statistics` per head the row's maximum and 1 ÷ Σ e^(score − maximum), which is the log-sum-exp kept
///   in two parts so that the backward needs no logarithm.
/// - Accumulates: nothing; `scores` is scratch.
/// - Numerics: products through SGEMM per key/value head and tile of queries, with the heads that share the keys below one
///   another, so their shapes and bits depend on the sequence alone; memory grows linearly in the length.
public func attentionForward(
    output: Matrix, statistics: Matrix, query: Matrix, own: KeyValueRows, prefixes: [KeyValueRows] = [],
    shape: AttentionShape, scores: Matrix
) {
    let (queryCount, ownCount) = (query.rows, own.key.rows)
    let prefixCount = prefixes.reduce(0) { $0 + $1.key.rows }
    precondition(
        query.columns == shape.queryColumns && own.key.columns == shape.keyValueColumns
            && output.rows == queryCount && output.columns == shape.queryColumns
            && statistics.rows == queryCount && statistics.columns == shape.statisticsColumns
            && queryCount <= ownCount,
        "attention of \(queryCount) queries [\(query.columns)] over \(ownCount) keys [\(own.key.columns)]")
    for keyValueHead in 0..<shape.keyValueHeads {
        let columns = shape.columns(ofHead: keyValueHead)
        let heads = shape.queryHeads(reading: keyValueHead)
        for first in stride(from: 0, to: queryCount, by: shape.tileRows) {
            let tile = first..<min(first + shape.tileRows, queryCount)
            let ownVisible = shape.isCausal ? ownCount - queryCount + tile.upperBound : ownCount
            let width = prefixCount + ownVisible
            let (p, q) = tileParts(scores, queries: tile.count, width: width, shape: shape)
            stackHeads(output: q, input: query.rows(tile), heads: heads, shape: shape)
            var column = 0
            for prefix in prefixes {
                let rows = prefix.key.rows
                gemm(
                    output: p.columns(column..<column + rows), .plain(q),
                    .transposed(prefix.key.columns(columns)), alpha: shape.attentionScale)
                column += rows
            }
            gemm(
                output: p.columns(column..<width), .plain(q),
                .transposed(own.key.rows(0..<ownVisible).columns(columns)), alpha: shape.attentionScale)
            for (index, head) in heads.enumerated() {
                softmaxTile(
                    scores: p.rows(index * tile.count..<(index + 1) * tile.count),
                    statistics: statistics.rows(tile), head: head, shape: shape)
            }
            // The queries are not needed any more: the results take their place.
            column = 0
            for prefix in prefixes {
                let rows = prefix.key.rows
                gemm(
                    output: q, .plain(p.columns(column..<column + rows)),
                    .plain(prefix.value.columns(columns)), beta: column == 0 ? 0 : 1)
                column += rows
            }
            gemm(
                output: q, .plain(p.columns(column..<width)),
                .plain(own.value.rows(0..<ownVisible).columns(columns)), beta: column == 0 ? 0 : 1)
            for (index, head) in heads.enumerated() {
                for row in 0..<tile.count {
                    let inverse = unsafe statistics.readRow(tile.lowerBound + row)[shape.heads + head]
                    unsafe scaleInPlace(q.writeRow(index * tile.count + row), q.columns, by: inverse)
                }
            }
            unstackHeads(output: output.rows(tile), input: q, heads: heads, shape: shape)
        }
    }
}

/// The parts of the scratch for a tile: its scores [heads · queries, width], and room for as many rows of D columns.
private func tileParts(_ scores: Matrix, queries: Int, width: Int, shape: AttentionShape) -> (Matrix, Matrix)
{
    precondition(
        scores.rows >= shape.sharingHeads * queries && scores.columns >= width + shape.headDimension,
        "\(queries) queries over \(width) keys in scratch [\(scores.rows), \(scores.columns)]")
    let rows = scores.rows(0..<shape.sharingHeads * queries)
    return (
        rows.columns(0..<width), rows.columns(scores.columns - shape.headDimension..<scores.columns)
    )
}

/// Puts `heads` of the rows of `input` below one another, all rows of a head together.
///
/// - Shapes: `output` [heads · t, D]; `input` [t, H·D].
private func stackHeads(output: Matrix, input: Matrix, heads: Range<Int>, shape: AttentionShape) {
    for (index, head) in heads.enumerated() {
        copy(
            output: output.rows(index * input.rows..<(index + 1) * input.rows),
            from: input.columns(shape.columns(ofHead: head)))
    }
}

/// Undoes ``stackHeads(output:input:heads:shape:)``; other heads of `output` stay as they are.
private func unstackHeads(output: Matrix, input: Matrix, heads: Range<Int>, shape: AttentionShape) {
    for (index, head) in heads.enumerated() {
        copy(
            output: output.columns(shape.columns(ofHead: head)),
            from: input.rows(index * output.rows..<(index + 1) * output.rows))
    }
}

/// Turns a head's tile of scores into unnormalised probabilities e^(score − maximum), zero beyond the diagonal, and saves
/// maximum and inverse sum. The last row of the tile sees all columns, each one before it a column less where
/// attention is causal.
private func softmaxTile(scores: Matrix, statistics: Matrix, head: Int, shape: AttentionShape) {
    let (heads, width) = (shape.heads, scores.columns)
    for row in 0..<scores.rows {
        let visible = shape.isCausal ? width - (scores.rows - 1 - row) : width
        let (s, saved) = unsafe (scores.writeRow(row), statistics.writeRow(row))
        let maximum = unsafe largest(s, visible)
        let total = unsafe exponentialsInPlace(s, visible, minus: maximum)
        unsafe (s + visible).update(repeating: 0, count: width - visible)
        unsafe saved[head] = maximum
        unsafe saved[heads + head] = 1 / total
    }
}

/// Gradients of attention over one sequence without prefixes (Tq = Tk = T).
///
/// The probabilities are computed again, tile by tile, from the scores and the saved statistics.
///
/// - Shapes: `dQuery`, `dOutput`, `output`, `query` [T, H·D]; `dOwn`, `own` [T, K·D]; `statistics` [T, 2H];
///   `scores`, `dScores` as ``AttentionShape/scoresShape(queries:keys:)`` says for T of both.
/// - Accumulates: nothing; `dQuery` and `dOwn` are overwritten, `scores` and `dScores` are scratch.
public func attentionBackward(
    dQuery: Matrix, dOwn: KeyValueRows, dOutput: Matrix, output: Matrix, query: Matrix, own: KeyValueRows,
    statistics: Matrix, shape: AttentionShape, scores: Matrix, dScores: Matrix
) {
    let count = query.rows
    precondition(
        own.key.rows == count && dOwn.key.rows == count && dQuery.rows == count && dOutput.rows == count
            && output.rows == count && statistics.rows == count,
        "attention backward over \(count) queries and \(own.key.rows) keys")
    fill(dOwn.key, with: 0)
    fill(dOwn.value, with: 0)
    let alpha = shape.attentionScale
    for keyValueHead in 0..<shape.keyValueHeads {
        let columns = shape.columns(ofHead: keyValueHead)
        let heads = shape.queryHeads(reading: keyValueHead)
        for first in stride(from: 0, to: count, by: shape.tileRows) {
            let tile = first..<min(first + shape.tileRows, count)
            let visible = shape.isCausal ? tile.upperBound : count
            let key = own.key.rows(0..<visible).columns(columns)  // [v, D]
            let value = own.value.rows(0..<visible).columns(columns)  // [v, D]
            let (p, q) = tileParts(scores, queries: tile.count, width: visible, shape: shape)
            let (dP, dOut) = tileParts(dScores, queries: tile.count, width: visible, shape: shape)
            stackHeads(output: q, input: query.rows(tile), heads: heads, shape: shape)
            stackHeads(output: dOut, input: dOutput.rows(tile), heads: heads, shape: shape)
            gemm(output: p, .plain(q), .transposed(key), alpha: alpha)
            gemm(output: dP, .plain(dOut), .transposed(value))
            for (index, head) in heads.enumerated() {
                let rows = index * tile.count..<(index + 1) * tile.count
                softmaxTileBackward(
                    scores: p.rows(rows), dScores: dP.rows(rows), statistics: statistics.rows(tile),
                    dOutput: dOut.rows(rows),
                    output: output.rows(tile).columns(shape.columns(ofHead: head)), head: head, shape: shape)
            }
            gemm(
                output: dOwn.value.rows(0..<visible).columns(columns), .transposed(p), .plain(dOut), beta: 1)
            gemm(
                output: dOwn.key.rows(0..<visible).columns(columns), .transposed(dP), .plain(q),
                alpha: alpha, beta: 1)
            // The queries are not needed any more: their gradient takes their place.
            gemm(output: q, .plain(dP), .plain(key), alpha: alpha)
            unstackHeads(output: dQuery.rows(tile), input: q, heads: heads, shape: shape)
        }
    }
}

/// In place: scores → probabilities P, ∂loss/∂P → ∂loss/∂score = P · (∂loss/∂P − Σ dOutput·output).
private func softmaxTileBackward(
    scores: Matrix, dScores: Matrix, statistics: Matrix, dOutput: Matrix, output: Matrix, head: Int,
    shape: AttentionShape
) {
    let (width, heads) = (scores.columns, shape.heads)
    for row in 0..<scores.rows {
        let visible = shape.isCausal ? width - (scores.rows - 1 - row) : width
        let (s, d) = unsafe (scores.writeRow(row), dScores.writeRow(row))
        let saved = unsafe statistics.readRow(row)
        let (maximum, inverse) = unsafe (saved[head], saved[heads + head])
        let projection = unsafe dot(dOutput.readRow(row), output.readRow(row), output.columns)
        unsafe CKernels_softmax_backward(
            ProductVariant.inUse.rawValue, visible, s, d, maximum, inverse, projection)
        unsafe (s + visible).update(repeating: 0, count: width - visible)
        unsafe (d + visible).update(repeating: 0, count: width - visible)
    }
}
