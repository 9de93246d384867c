import Glibc

/// Slow, obvious Float64 versions of the kernels' forwards, row-major, for tests to compare with and to
/// differentiate numerically.
package enum Reference {
    /// x / √(mean(x²) + ε) · weight per row.
    ///
    /// - Shapes: `input` [N, C]; `weight` [C].
    package static func rmsNorm(input: [Double], weight: [Double], epsilon: Double) -> [Double] {
        let columns = weight.count
        return stride(from: 0, to: input.count, by: columns).flatMap { start in
            let row = input[start..<start + columns]
            let meanSquare = row.reduce(0) { $0 + $1 * $1 } / Double(columns)
            return zip(row, weight).map { $0 / (meanSquare + epsilon).squareRoot() * $1 }
        }
    }

    /// (x − mean) ÷ √(variance + ε) · weight + bias per row.
    ///
    /// - Shapes: `input` [N, C]; `weight`, `bias` [C].
    package static func layerNorm(
        input: [Double], weight: [Double], bias: [Double], epsilon: Double
    ) -> [Double] {
        let columns = weight.count
        return stride(from: 0, to: input.count, by: columns).flatMap { start in
            let row = input[start..<start + columns]
            let mean = row.reduce(0, +) / Double(columns)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
            return zip(row, zip(weight, bias)).map {
                ($0 - mean) / (variance + epsilon).squareRoot() * $1.0 + $1.1
            }
        }
    }

    /// x · Φ(x), or its approximation by tanh.
    package static func gelu(_ input: [Double], form: GELUForm) -> [Double] {
        input.map { x in
            switch form {
            case .erf: x / 2 * erfc(-x / 2.0.squareRoot())
            case .tanh: x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
            }
        }
    }

    /// gate ÷ (1 + e^−gate) · up.
    package static func swiGLU(gate: [Double], up: [Double]) -> [Double] {
        zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
    }

    /// Rotates the pairs (i, i + D/2) of each head by position · frequency[i].
    ///
    /// - Shapes: `rows` [T, heads · D]; `frequencies` [D ÷ 2].
    package static func rotary(
        rows: [Double], columns: Int, frequencies: [Double], firstPosition: Int
    ) -> [Double] {
        let half = frequencies.count
        var result = rows
        for row in 0..<rows.count / columns {
            for start in stride(from: row * columns, to: (row + 1) * columns, by: 2 * half) {
                for i in 0..<half {
                    let angle = Double(firstPosition + row) * frequencies[i]
                    let (a, b) = (rows[start + i], rows[start + i + half])
                    result[start + i] = a * cos(angle) - b * sin(angle)
                    result[start + i + half] = b * cos(angle) + a * sin(angle)
                }
            }
        }
        return result
    }

    /// Attention; the queries are the last positions of the keys.
    ///
    /// - Shapes: `query` [Tq, H·D]; `key`, `value` [Tk, K·D].
    package static func attention(
        query: [Double], key: [Double], value: [Double], shape: AttentionShape
    ) -> [Double] {
        let (queryColumns, keyColumns) = (shape.queryColumns, shape.keyValueColumns)
        let (queryCount, keyCount) = (query.count / queryColumns, key.count / keyColumns)
        var result = [Double](repeating: 0, count: query.count)
        for head in 0..<shape.heads {
            let (q0, k0) = (
                shape.columns(ofHead: head).lowerBound,
                shape.columns(ofHead: head / shape.sharingHeads).lowerBound
            )
            for t in 0..<queryCount {
                let last = shape.isCausal ? keyCount - queryCount + t : keyCount - 1
                let scores = (0...last).map { s in
                    (0..<shape.headDimension).reduce(0.0) {
                        $0 + query[t * queryColumns + q0 + $1] * key[s * keyColumns + k0 + $1]
                    } / Double(shape.headDimension).squareRoot()
                }
                let maximum = scores.max() ?? 0
                let total = scores.reduce(0) { $0 + exp($1 - maximum) }
                for (s, score) in scores.enumerated() {
                    let probability = exp(score - maximum) / total
                    for d in 0..<shape.headDimension {
                        result[t * queryColumns + q0 + d] += probability * value[s * keyColumns + k0 + d]
                    }
                }
            }
        }
        return result
    }

    /// Σ −log softmax(logits)[target] over the rows.
    ///
    /// - Shapes: `logits` [M, V]; `targets` [M].
    package static func crossEntropy(logits: [Double], targets: [Int]) -> Double {
        let columns = logits.count / max(targets.count, 1)
        return targets.enumerated().reduce(0) { sum, pair in
            let row = logits[pair.offset * columns..<(pair.offset + 1) * columns]
            let maximum = row.max() ?? 0
            let total = row.reduce(0) { $0 + exp($1 - maximum) }
            return sum + maximum + log(total) - row[row.startIndex + pair.element]
        }
    }
}
