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

    /// Query rows whose scores are in memory at a time; the scores above the diagonal that are computed in vain grow with
    /// it.
    public static let tileRows = 64
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

    func queryRange(_ head: Int) -> Range<Int> { head * headDimension..<(head + 1) * headDimension }
    func keyValueRange(_ head: Int) -> Range<Int> {
        queryRange(head / (heads / keyValueHeads))
    }
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
///   `scores` [min(Tq, 64), at least Σ prefix rows + Tk].
/// - Saves: in `statistics` per head the row's maximum and 1 ÷ Σ e^(score − maximum), which is the log-sum-exp kept
///   in two parts so that the backward needs no logarithm.
/// - Accumulates: nothing; `scores` is scratch.
/// - Numerics: products through SGEMM per head and tile of 64 query rows, so their shapes and bits depend on the
///   sequence alone; memory grows linearly in the length.
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
    for head in 0..<shape.heads {
        let (qRange, kRange) = (shape.queryRange(head), shape.keyValueRange(head))
        for first in stride(from: 0, to: queryCount, by: AttentionShape.tileRows) {
            let tile = first..<min(first + AttentionShape.tileRows, queryCount)
            let ownVisible = shape.isCausal ? ownCount - queryCount + tile.upperBound : ownCount
            let q = query.rows(tile).columns(qRange)  // [t, D]
            let tileScores = scores.rows(0..<tile.count)
            let out = output.rows(tile).columns(qRange)  // [t, D]
            var column = 0
            for prefix in prefixes {
                let rows = prefix.key.rows
                gemm(
                    output: tileScores.columns(column..<column + rows), .plain(q),
                    .transposed(prefix.key.columns(kRange)), alpha: shape.attentionScale)
                column += rows
            }
            gemm(
                output: tileScores.columns(column..<column + ownVisible), .plain(q),
                .transposed(own.key.rows(0..<ownVisible).columns(kRange)), alpha: shape.attentionScale)
            softmaxTile(
                scores: tileScores, width: prefixCount + ownVisible, statistics: statistics.rows(tile),
                head: head, shape: shape)
            column = 0
            for prefix in prefixes {
                let rows = prefix.key.rows
                gemm(
                    output: out, .plain(tileScores.columns(column..<column + rows)),
                    .plain(prefix.value.columns(kRange)), beta: column == 0 ? 0 : 1)
                column += rows
            }
            gemm(
                output: out, .plain(tileScores.columns(column..<column + ownVisible)),
                .plain(own.value.rows(0..<ownVisible).columns(kRange)), beta: column == 0 ? 0 : 1)
            for row in 0..<tile.count {
                let inverse = unsafe statistics.readRow(tile.lowerBound + row)[shape.heads + head]
                unsafe scaleInPlace(out.writeRow(row), out.columns, by: inverse)
            }
        }
    }
}

/// Turns a tile of scores into unnormalised probabilities e^(score − maximum), zero beyond the diagonal, and saves
/// maximum and inverse sum. The last row of the tile sees all `width` columns, each one before it a column less where
/// attention is causal.
private func softmaxTile(scores: Matrix, width: Int, statistics: Matrix, head: Int, shape: AttentionShape) {
    let heads = shape.heads
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
///   `scores`, `dScores` [min(T, 64), at least T].
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
    for head in 0..<shape.heads {
        let (qRange, kRange) = (shape.queryRange(head), shape.keyValueRange(head))
        for first in stride(from: 0, to: count, by: AttentionShape.tileRows) {
            let tile = first..<min(first + AttentionShape.tileRows, count)
            let visible = shape.isCausal ? tile.upperBound : count
            let q = query.rows(tile).columns(qRange)  // [t, D]
            let dOut = dOutput.rows(tile).columns(qRange)  // [t, D]
            let key = own.key.rows(0..<visible).columns(kRange)  // [v, D]
            let value = own.value.rows(0..<visible).columns(kRange)  // [v, D]
            let p = scores.rows(0..<tile.count).columns(0..<visible)
            let dP = dScores.rows(0..<tile.count).columns(0..<visible)
            gemm(output: p, .plain(q), .transposed(key), alpha: alpha)
            gemm(output: dP, .plain(dOut), .transposed(value))
            softmaxTileBackward(
                scores: p, dScores: dP, statistics: statistics.rows(tile), dOutput: dOut,
                output: output.rows(tile).columns(qRange), head: head, shape: shape)
            gemm(
                output: dOwn.value.rows(0..<visible).columns(kRange), .transposed(p), .plain(dOut), beta: 1)
            gemm(output: dQuery.rows(tile).columns(qRange), .plain(dP), .plain(key), alpha: alpha)
            gemm(
                output: dOwn.key.rows(0..<visible).columns(kRange), .transposed(dP), .plain(q),
                alpha: alpha, beta: 1)
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
