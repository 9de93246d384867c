import Kernels
import Tensors
import Testing

@Suite struct AttentionTests {
    static let shapes = [
        (count: 1, shape: AttentionShape(heads: 2, keyValueHeads: 1, headDimension: 4)),
        (count: 7, shape: AttentionShape(heads: 4, keyValueHeads: 2, headDimension: 6)),
        (count: 9, shape: AttentionShape(heads: 3, keyValueHeads: 3, headDimension: 2)),
        (count: 9, shape: AttentionShape(heads: 3, keyValueHeads: 3, headDimension: 2, isCausal: false)),
    ]

    private struct Inputs {
        let query: Matrix
        let own: KeyValueRows
        let statistics: Matrix
        let output: Matrix
        let scores: Matrix
        let shape: AttentionShape

        init(count: Int, keys: Int? = nil, shape: AttentionShape, seed: UInt64 = 1) {
            let keyCount = keys ?? count
            query = randomMatrix(count, shape.queryColumns, seed: seed)
            own = KeyValueRows(
                key: randomMatrix(keyCount, shape.keyValueColumns, seed: seed + 1),
                value: randomMatrix(keyCount, shape.keyValueColumns, seed: seed + 2))
            statistics = Matrix(rows: count, columns: shape.statisticsColumns)
            output = Matrix(rows: count, columns: shape.queryColumns)
            scores = Self.scores(count, keyCount, shape)
            self.shape = shape
        }

        /// Scratch of the size that is asked for, full of what is no number.
        static func scores(_ queries: Int, _ keys: Int, _ shape: AttentionShape) -> Matrix {
            let (rows, columns) = shape.scoresShape(queries: queries, keys: keys)
            let matrix = Matrix(rows: rows, columns: columns)
            fill(matrix, with: .nan)
            return matrix
        }

        func forward() {
            attentionForward(
                output: output, statistics: statistics, query: query, own: own, shape: shape, scores: scores)
        }

        var reference: [Double] {
            Reference.attention(
                query: query.doubles, key: own.key.doubles, value: own.value.doubles, shape: shape)
        }
    }

    @Test("forward agrees with the reference and backward with finite differences", arguments: 0..<4)
    func agrees(index: Int) {
        let (count, shape) = Self.shapes[index]
        let inputs = Inputs(count: count, shape: shape)
        inputs.forward()
        #expect(relativeDifference(inputs.output.doubles, inputs.reference) < 1e-6)

        let dOutput = randomMatrix(count, shape.queryColumns, seed: 9)
        let dQuery = Matrix(rows: count, columns: shape.queryColumns)
        let dOwn = KeyValueRows(
            key: Matrix(rows: count, columns: shape.keyValueColumns),
            value: Matrix(rows: count, columns: shape.keyValueColumns))
        attentionBackward(
            dQuery: dQuery, dOwn: dOwn, dOutput: dOutput, output: inputs.output, query: inputs.query,
            own: inputs.own, statistics: inputs.statistics, shape: shape, scores: inputs.scores,
            dScores: Inputs.scores(count, count, shape))
        let (q, k, v) = (inputs.query.doubles, inputs.own.key.doubles, inputs.own.value.doubles)
        func loss(_ q: [Double], _ k: [Double], _ v: [Double]) -> Double {
            weighted(Reference.attention(query: q, key: k, value: v, shape: shape), dOutput.doubles)
        }
        let dValue = numericGradient(at: v) { loss(q, k, $0) }
        #expect(relativeDifference(dOwn.value.doubles, dValue) < 1e-5)
        guard count > 1 else { return }  // one token attends to itself: no gradient of query and key
        #expect(relativeDifference(dQuery.doubles, numericGradient(at: q) { loss($0, k, v) }) < 1e-5)
        #expect(relativeDifference(dOwn.key.doubles, numericGradient(at: k) { loss(q, $0, v) }) < 1e-5)
    }

    @Test(
        "several tiles of query rows agree with the reference, forward and backward",
        arguments: [true, false])
    func tilesAgree(isCausal: Bool) {
        let shape = AttentionShape(heads: 2, keyValueHeads: 1, headDimension: 4, isCausal: isCausal)
        let count = 300
        let inputs = Inputs(count: count, shape: shape)
        inputs.forward()
        #expect(relativeDifference(inputs.output.doubles, inputs.reference) < 1e-6)

        let dOutput = randomMatrix(count, shape.queryColumns, seed: 9)
        let dQuery = Matrix(rows: count, columns: shape.queryColumns)
        let dOwn = KeyValueRows(
            key: Matrix(rows: count, columns: shape.keyValueColumns),
            value: Matrix(rows: count, columns: shape.keyValueColumns))
        attentionBackward(
            dQuery: dQuery, dOwn: dOwn, dOutput: dOutput, output: inputs.output, query: inputs.query,
            own: inputs.own, statistics: inputs.statistics, shape: shape, scores: inputs.scores,
            dScores: Inputs.scores(count, count, shape))
        // A direction instead of every element: 300 keys would take long in Float64.
        let (k, v, h) = (inputs.own.key.doubles, inputs.own.value.doubles, 1e-5)
        let direction = randomValues(k.count, seed: 10).map(Double.init)
        func loss(_ step: Double) -> Double {
            let moved = zip(k, direction).map { $0 + step * $1 }
            return weighted(
                Reference.attention(query: inputs.query.doubles, key: moved, value: v, shape: shape),
                dOutput.doubles)
        }
        let expected = (loss(h) - loss(-h)) / (2 * h)
        #expect(abs(weighted(dOwn.key.doubles, direction) / expected - 1) < 1e-4)
    }

    @Test("later tokens change nothing, to the bit, within a tile's shapes")
    func isCausal() {
        let shape = AttentionShape(heads: 2, keyValueHeads: 2, headDimension: 4)
        let inputs = Inputs(count: 12, shape: shape)
        inputs.forward()
        let before = inputs.output.rows(0..<8).toArray()
        for row in 8..<12 {
            for column in 0..<8 {
                inputs.own.key.row(row)[column] = 50
                inputs.own.value.row(row)[column] = -50
            }
        }
        inputs.forward()
        #expect(inputs.output.rows(0..<8).toArray() == before)
    }

    @Test("queries behind a prefix see it whole, wherever the keys lie")
    func prefixesAreSeen() {
        let shape = AttentionShape(heads: 4, keyValueHeads: 2, headDimension: 6)
        let whole = Inputs(count: 5, keys: 14, shape: shape)
        whole.forward()
        #expect(relativeDifference(whole.output.doubles, whole.reference) < 1e-6)
        let output = Matrix(rows: 5, columns: shape.queryColumns)
        func part(_ range: Range<Int>) -> KeyValueRows {
            KeyValueRows(key: whole.own.key.rows(range), value: whole.own.value.rows(range))
        }
        attentionForward(
            output: output, statistics: whole.statistics, query: whole.query, own: part(9..<14),
            prefixes: [part(0..<3), part(3..<9)], shape: shape, scores: whole.scores)
        #expect(relativeDifference(output.doubles, whole.reference) < 1e-6)
    }
}
