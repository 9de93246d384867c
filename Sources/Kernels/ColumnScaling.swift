public import Tensors

/// output[n, j] = input[n, j] · factors[j].
///
/// - Shapes: `output`, `input` [N, C]; `factors` [C]. `output` may be `input`. Accumulates nothing.
public func scaleColumns(output: Matrix, input: Matrix, factors: Vector) {
    requireColumns(output, input, factors)
    let f = unsafe factors.readPointer
    for row in 0..<output.rows {
        let (y, x) = unsafe (output.writeRow(row), input.readRow(row))
        for i in 0..<output.columns { unsafe y[i] = x[i] * f[i] }
    }
}

/// output[n, j] += input[n, j] · factors[j] − base[n, j].
///
/// - Shapes: `output`, `input`, `base` [N, C]; `factors` [C].
/// - Accumulates: adds into `output`.
public func addScaledColumns(output: Matrix, input: Matrix, factors: Vector, minus base: Matrix) {
    requireColumns(output, input, factors)
    requireColumns(output, base, factors)
    let f = unsafe factors.readPointer
    for row in 0..<output.rows {
        let (y, x, z) = unsafe (output.writeRow(row), input.readRow(row), base.readRow(row))
        for i in 0..<output.columns { unsafe y[i] += x[i] * f[i] - z[i] }
    }
}

/// Multiplies row n of `output` by factors[n].
///
/// - Shapes: `output` [N, C]; `factors` [N].
public func scaleRows(output: Matrix, factors: Vector) {
    precondition(factors.count == output.rows, "\(factors.count) factors for \(output.rows) rows")
    for row in 0..<output.rows {
        let (y, factor) = unsafe (output.writeRow(row), factors.readPointer[row])
        for i in 0..<output.columns { unsafe y[i] *= factor }
    }
}

/// The gradient of magnitude in output[n, j] = input[n, j] · magnitude[j] ÷ divisors[j]:
/// dMagnitude[j] = Σ over n of dOutput[n, j] · input[n, j] ÷ divisors[j], in the order of n.
///
/// - Shapes: `dMagnitude`, `divisors` [C]; `dOutput`, `input` [N, C].
/// - Accumulates: only when `accumulates`; otherwise `dMagnitude` is overwritten.
public func scaleColumnsBackward(
    dMagnitude: Vector, dOutput: Matrix, input: Matrix, divisors: Vector, accumulates: Bool
) {
    requireColumns(dOutput, input, divisors)
    precondition(
        dMagnitude.count == dOutput.columns, "\(dMagnitude.count) factors for \(dOutput.columns) columns")
    if !accumulates { fill(dMagnitude, with: 0) }
    let (sum, d) = unsafe (dMagnitude.writePointer, divisors.readPointer)
    for row in 0..<dOutput.rows {
        let (dY, x) = unsafe (dOutput.readRow(row), input.readRow(row))
        for i in 0..<dOutput.columns { unsafe sum[i] += dY[i] * x[i] / d[i] }
    }
}

/// The Euclidean norm of each row, summed in Float64 in a fixed lane order.
///
/// - Shapes: `output` [N]; `input` [N, C]. Accumulates nothing.
public func rowNorms(output: Vector, input: Matrix) {
    precondition(output.count == input.rows, "\(output.count) norms of \(input.rows) rows")
    let norms = unsafe output.writePointer
    for row in 0..<input.rows {
        let x = unsafe input.readRow(row)
        var sums = SIMD8<Double>()
        var rest = 0.0
        forEachLanes(input.columns) { i in
            let values = unsafe SIMD8<Double>(x.lanes(i))
            sums += values * values
        } rest: { i in
            let value = unsafe Double(x[i])
            rest += value * value
        }
        let four = sums.lowHalf + sums.highHalf
        let two = four.lowHalf + four.highHalf
        unsafe norms[row] = Float((two[0] + two[1] + rest).squareRoot())
    }
}

private func requireColumns(_ output: Matrix, _ input: Matrix, _ factors: Vector) {
    precondition(
        output.rows == input.rows && output.columns == input.columns && factors.count == output.columns,
        "[\(input.rows), \(input.columns)] · [\(factors.count)] into [\(output.rows), \(output.columns)]")
}
