public import Kernels
public import Tensors

/// Causal self-attention with rotary positions: q, k, v projections, rotary, attention within each sequence. The
/// output projection is a call of its own, because the last block needs it for some rows only.
public struct SelfAttention: Sendable {
    public let shape: AttentionShape
    public let query: LinearLayer
    public let key: LinearLayer
    public let value: LinearLayer
    /// The projection back to the residual stream.
    public let output: LinearLayer

    public init(
        shape: AttentionShape, query: LinearLayer, key: LinearLayer, value: LinearLayer, output: LinearLayer
    ) {
        self.shape = shape
        self.query = query
        self.key = key
        self.value = value
        self.output = output
    }

    /// What the forward keeps for the backward.
    public struct Activations {
        /// [N, H·D], after rotary.
        public let query: Matrix
        /// [N, K·D] each, keys after rotary.
        public let keyValue: KeyValueRows
        /// [N, 2H]
        public let statistics: Matrix
        /// [N, H·D] the heads' results, before the output projection.
        public let heads: Matrix
        let savedQuery: Matrix?
        let savedKey: Matrix?
        let savedValue: Matrix?
    }

    /// Whether q, k or v have parameters to train.
    public var hasTrainableInputs: Bool { query.isTrainable || key.isTrainable || value.isTrainable }

    /// - Shapes: `input` [N, C]; `spans` cover the N rows.
    /// - Returns: activations in `pass.activations`.
    /// - Precondition: `rotary` reaches behind the last position.
    public func forward(input: Matrix, spans: [SequenceSpan], rotary: RotaryTable, pass: LayerPass)
        -> Activations
    {
        let kept = pass.activations
        let own = KeyValueRows(
            key: kept.matrix(rows: input.rows, columns: shape.keyValueColumns),
            value: kept.matrix(rows: input.rows, columns: shape.keyValueColumns))
        let result = project(input: input, own: own, pass: pass)
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let scores = makeScores(spans, pass: pass)
        for span in spans {
            let rows = span.rows
            rotaryForward(rows: result.query.rows(rows), table: rotary, firstPosition: span.firstPosition)
            rotaryForward(rows: own.key.rows(rows), table: rotary, firstPosition: span.firstPosition)
            attentionForward(
                output: result.heads.rows(rows), statistics: result.statistics.rows(rows),
                query: result.query.rows(rows), own: own.rows(rows),
                prefixes: span.prefixes.map { own.rows($0) }, shape: shape, scores: scores)
        }
        return result
    }

    /// The forward of tokens that continue what a cache holds.
    ///
    /// - Shapes: `input` [n, C]; `cached` [T, K·D], whose last n rows are filled in here; the new tokens' positions
    ///   are T − n ..< T.
    public func forward(input: Matrix, continuing cached: KeyValueRows, rotary: RotaryTable, pass: LayerPass)
        -> Activations
    {
        let first = cached.key.rows - input.rows
        let own = cached.rows(first..<cached.key.rows)
        let result = project(input: input, own: own, pass: pass)
        rotaryForward(rows: result.query, table: rotary, firstPosition: first)
        rotaryForward(rows: own.key, table: rotary, firstPosition: first)
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        attentionForward(
            output: result.heads, statistics: result.statistics, query: result.query, own: cached,
            shape: shape,
            scores: pass.scratch.matrix(
                rows: min(input.rows, AttentionShape.tileRows), columns: cached.key.rows))
        return result
    }

    /// Applies q, k and v, the latter two into `own`, and takes the memory of the rest.
    private func project(input: Matrix, own: KeyValueRows, pass: LayerPass) -> Activations {
        let (count, kept) = (input.rows, pass.activations)
        let q = kept.matrix(rows: count, columns: shape.queryColumns)
        return Activations(
            query: q, keyValue: own,
            statistics: kept.matrix(rows: count, columns: shape.statisticsColumns),
            heads: kept.matrix(rows: count, columns: shape.queryColumns),
            savedQuery: query.forward(output: q, input: input, pass: pass),
            savedKey: key.forward(output: own.key, input: input, pass: pass),
            savedValue: value.forward(output: own.value, input: input, pass: pass))
    }

    /// Gradients of q, k and v and, where wanted, of the input.
    ///
    /// - Shapes: `dInput`, `input` [N, C]; `dHeads` [N, H·D].
    /// - Accumulates: nothing; `dInput` is overwritten.
    public func backward(
        dInput: Matrix?, dHeads: Matrix, input: Matrix, activations: Activations, spans: [SequenceSpan],
        rotary: RotaryTable, pass: LayerPass
    ) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let count = input.rows
        let dQuery = pass.scratch.matrix(rows: count, columns: shape.queryColumns)
        let dKey = pass.scratch.matrix(rows: count, columns: shape.keyValueColumns)
        let dValue = pass.scratch.matrix(rows: count, columns: shape.keyValueColumns)
        let dOwn = KeyValueRows(key: dKey, value: dValue)
        let scores = makeScores(spans, pass: pass)
        let dScores = makeScores(spans, pass: pass)
        for span in spans {
            let rows = span.rows
            attentionBackward(
                dQuery: dQuery.rows(rows), dOwn: dOwn.rows(rows), dOutput: dHeads.rows(rows),
                output: activations.heads.rows(rows), query: activations.query.rows(rows),
                own: activations.keyValue.rows(rows), statistics: activations.statistics.rows(rows),
                shape: shape, scores: scores, dScores: dScores)
            rotaryBackward(dRows: dQuery.rows(rows), table: rotary, firstPosition: span.firstPosition)
            rotaryBackward(dRows: dKey.rows(rows), table: rotary, firstPosition: span.firstPosition)
        }
        query.backward(
            dInput: dInput, dOutput: dQuery, input: input, saved: activations.savedQuery, pass: pass)
        key.backward(
            dInput: dInput, accumulates: true, dOutput: dKey, input: input, saved: activations.savedKey,
            pass: pass)
        value.backward(
            dInput: dInput, accumulates: true, dOutput: dValue, input: input, saved: activations.savedValue,
            pass: pass)
    }

    /// A tile of scores wide enough for the longest sequence with its prefixes.
    private func makeScores(_ spans: [SequenceSpan], pass: LayerPass) -> Matrix {
        let longest = spans.reduce(0) { max($0, $1.rows.count) }
        let widest = spans.reduce(0) { max($0, $1.positionCount) }
        return pass.scratch.matrix(rows: min(longest, AttentionShape.tileRows), columns: widest)
    }
}
