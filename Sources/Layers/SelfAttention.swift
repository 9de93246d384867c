public import Kernels
public import Tensors

/// Causal self-attention: the maps to queries, keys and values, norms of the heads and rotary positions where there are
/// such, attention within each sequence. The output projection is a call of its own, because the last block needs it for some rows only.
public struct SelfAttention: Sendable {
    /// The maps to queries, keys and values.
    public enum Inputs: Sendable {
        case separate(query: LinearLayer, key: LinearLayer, value: LinearLayer)
        /// One map whose result has queries, keys and values side by side.
        case fused(LinearLayer)
    }

    /// Norms of each head's queries and keys, before rotary.
    public struct HeadNorms: Sendable {
        let query: RMSNormLayer
        let key: RMSNormLayer

        /// - Precondition: both have weights [D].
        public init(query: RMSNormLayer, key: RMSNormLayer) {
            self.query = query
            self.key = key
        }
    }

    public let shape: AttentionShape
    public let inputs: Inputs
    public let headNorms: HeadNorms?
    /// The projection back to the residual stream.
    public let output: LinearLayer

    /// - Precondition: norms of heads come with separate inputs.
    public init(
        shape: AttentionShape, inputs: Inputs, headNorms: HeadNorms? = nil, output: LinearLayer
    ) {
        if headNorms != nil, case .fused = inputs { preconditionFailure("norms of heads of a fused map") }
        self.shape = shape
        self.inputs = inputs
        self.headNorms = headNorms
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
        /// What the adapters of the maps saved, in their order.
        let saved: [Matrix?]
        /// Queries and keys before their norms, where there are norms.
        let unnormed: Unnormed?
    }

    /// What the norms of the heads were given, and kept.
    struct Unnormed {
        /// [N, H·D]
        let query: Matrix
        /// [N, K·D]
        let key: Matrix
        /// [N · H]
        let queryStatistics: Vector
        /// [N · K]
        let keyStatistics: Vector
    }

    /// The maps of ``inputs``.
    private var inputMaps: [LinearLayer] {
        switch inputs {
        case .separate(let query, let key, let value): [query, key, value]
        case .fused(let map): [map]
        }
    }

    /// Whether the maps to queries, keys or values have parameters to train.
    public var hasTrainableInputs: Bool {
        inputMaps.contains { $0.isTrainable } || headNorms?.query.isTrainable == true
            || headNorms?.key.isTrainable == true
    }

    /// - Shapes: `input` [N, C]; `spans` cover the N rows.
    /// - Returns: activations in `pass.activations`.
    /// - Precondition: `rotary` reaches behind the last position.
    public func forward(input: Matrix, spans: [SequenceSpan], rotary: RotaryTable?, pass: LayerPass)
        -> Activations
    {
        let result = project(input: input, cached: nil, pass: pass)
        let own = result.keyValue
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let scores = makeScores(spans, pass: pass)
        for span in spans {
            let rows = span.rows
            if let rotary {
                rotaryForward(
                    rows: result.query.rows(rows), table: rotary, firstPosition: span.firstPosition)
                rotaryForward(rows: own.key.rows(rows), table: rotary, firstPosition: span.firstPosition)
            }
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
    public func forward(input: Matrix, continuing cached: KeyValueRows, rotary: RotaryTable?, pass: LayerPass)
        -> Activations
    {
        let first = cached.key.rows - input.rows
        let own = cached.rows(first..<cached.key.rows)
        let result = project(input: input, cached: own, pass: pass)
        if let rotary {
            rotaryForward(rows: result.query, table: rotary, firstPosition: first)
            rotaryForward(rows: own.key, table: rotary, firstPosition: first)
        }
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        attentionForward(
            output: result.heads, statistics: result.statistics, query: result.query, own: cached,
            shape: shape, scores: makeScores(queries: input.rows, keys: cached.key.rows, pass: pass))
        return result
    }

    /// Queries, keys and values of one pass: parts of one matrix where one map makes them.
    private struct Parts {
        let query: Matrix
        let keyValue: KeyValueRows
        /// The matrices that ``SelfAttention/inputMaps`` write, in their order.
        let results: [Matrix]
    }

    /// Takes the memory for what the maps write.
    private func makeParts(rows: Int, from arena: Arena, cached: KeyValueRows? = nil) -> Parts {
        switch inputs {
        case .separate:
            let keyValue =
                cached
                ?? KeyValueRows(
                    key: arena.matrix(rows: rows, columns: shape.keyValueColumns),
                    value: arena.matrix(rows: rows, columns: shape.keyValueColumns))
            let query = arena.matrix(rows: rows, columns: shape.queryColumns)
            return Parts(
                query: query, keyValue: keyValue, results: [query, keyValue.key, keyValue.value])
        case .fused:
            let (keyStart, valueStart) = (
                shape.queryColumns, shape.queryColumns + shape.keyValueColumns
            )
            let all = arena.matrix(rows: rows, columns: shape.fusedColumns)
            return Parts(
                query: all.columns(0..<keyStart),
                keyValue: KeyValueRows(
                    key: all.columns(keyStart..<valueStart),
                    value: all.columns(valueStart..<shape.fusedColumns)), results: [all])
        }
    }

    /// Applies the maps, with keys and values also in `cached` if given, and takes the memory of the rest.
    private func project(input: Matrix, cached: KeyValueRows?, pass: LayerPass) -> Activations {
        let (count, kept) = (input.rows, pass.activations)
        let parts = makeParts(rows: count, from: kept, cached: cached)
        let statistics = kept.matrix(rows: count, columns: shape.statisticsColumns)
        let output = kept.matrix(rows: count, columns: shape.queryColumns)
        var results = parts.results
        let unnormed = headNorms.map { _ in makeUnnormed(rows: count, from: kept) }
        if let unnormed { results.replaceSubrange(0..<2, with: [unnormed.query, unnormed.key]) }
        let saved = zip(inputMaps, results).map { map, result in
            map.forward(output: result, input: input, pass: pass)
        }
        if let unnormed, let headNorms {
            headNorms.query.forward(
                output: heads(of: parts.query), statistics: unnormed.queryStatistics,
                input: heads(of: unnormed.query), pass: pass)
            headNorms.key.forward(
                output: heads(of: parts.keyValue.key), statistics: unnormed.keyStatistics,
                input: heads(of: unnormed.key), pass: pass)
        }
        var keyValue = parts.keyValue
        if let cached, case .fused = inputs {
            copy(output: cached.key, from: keyValue.key)
            copy(output: cached.value, from: keyValue.value)
            keyValue = cached
        }
        return Activations(
            query: parts.query, keyValue: keyValue, statistics: statistics, heads: output, saved: saved,
            unnormed: unnormed)
    }

    private func makeUnnormed(rows: Int, from arena: Arena) -> Unnormed {
        Unnormed(
            query: arena.matrix(rows: rows, columns: shape.queryColumns),
            key: arena.matrix(rows: rows, columns: shape.keyValueColumns),
            queryStatistics: arena.vector(rows * shape.heads),
            keyStatistics: arena.vector(rows * shape.keyValueHeads))
    }

    /// Rows of heads side by side as a row for each head.
    private func heads(of matrix: Matrix) -> Matrix {
        precondition(matrix.isContiguous, "heads of rows with gaps")
        return Matrix(
            matrix.storage, offset: matrix.offset, rows: matrix.count / shape.headDimension,
            columns: shape.headDimension)
    }

    /// Gradients of the maps and, where wanted, of the input.
    ///
    /// - Shapes: `dInput`, `input` [N, C]; `dHeads` [N, H·D].
    /// - Accumulates: nothing; `dInput` is overwritten.
    public func backward(
        dInput: Matrix?, dHeads: Matrix, input: Matrix, activations: Activations, spans: [SequenceSpan],
        rotary: RotaryTable?, pass: LayerPass
    ) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let gradients = makeParts(rows: input.rows, from: pass.scratch)
        let (dQuery, dOwn) = (gradients.query, gradients.keyValue)
        let scores = makeScores(spans, pass: pass)
        let dScores = makeScores(spans, pass: pass)
        for span in spans {
            let rows = span.rows
            attentionBackward(
                dQuery: dQuery.rows(rows), dOwn: dOwn.rows(rows), dOutput: dHeads.rows(rows),
                output: activations.heads.rows(rows), query: activations.query.rows(rows),
                own: activations.keyValue.rows(rows), statistics: activations.statistics.rows(rows),
                shape: shape, scores: scores, dScores: dScores)
            if let rotary {
                rotaryBackward(
                    dRows: dQuery.rows(rows), table: rotary, firstPosition: span.firstPosition)
                rotaryBackward(
                    dRows: dOwn.key.rows(rows), table: rotary, firstPosition: span.firstPosition)
            }
        }
        var results = gradients.results
        if let unnormed = activations.unnormed, let headNorms {
            results[0] = backward(
                headNorms.query, dOutput: dQuery, input: unnormed.query,
                statistics: unnormed.queryStatistics, pass: pass)
            results[1] = backward(
                headNorms.key, dOutput: dOwn.key, input: unnormed.key, statistics: unnormed.keyStatistics,
                pass: pass)
        }
        for (index, map) in inputMaps.enumerated() {
            map.backward(
                dInput: dInput, accumulates: index > 0, dOutput: results[index], input: input,
                saved: activations.saved[index], pass: pass)
        }
    }

    /// The gradient of what a norm of heads was given, in scratch.
    private func backward(
        _ norm: RMSNormLayer, dOutput: Matrix, input: Matrix, statistics: Vector, pass: LayerPass
    ) -> Matrix {
        let dInput = pass.scratch.matrix(rows: input.rows, columns: input.columns)
        fill(dInput, with: 0)
        // Each row of a micro-batch is as many rows of heads.
        let count = input.columns / shape.headDimension
        var headPass = pass
        headPass.gradients = pass.gradients.map { own in
            let rows = own.rows.clamped(to: 0..<input.rows)
            return RowGradient(
                rows: rows.lowerBound * count..<rows.upperBound * count, gradient: own.gradient)
        }
        norm.backward(
            dInput: heads(of: dInput), dOutput: heads(of: dOutput), input: heads(of: input),
            statistics: statistics, pass: headPass)
        return dInput
    }

    /// A tile of scores wide enough for the longest sequence with its prefixes.
    private func makeScores(_ spans: [SequenceSpan], pass: LayerPass) -> Matrix {
        makeScores(
            queries: spans.reduce(0) { max($0, $1.rows.count) },
            keys: spans.reduce(0) { max($0, $1.positionCount) }, pass: pass)
    }

    private func makeScores(queries: Int, keys: Int, pass: LayerPass) -> Matrix {
        let (rows, columns) = shape.scoresShape(queries: queries, keys: keys)
        return pass.scratch.matrix(rows: rows, columns: columns)
    }
}
