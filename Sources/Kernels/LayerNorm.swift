public import Tensors

/// Normalises each row to mean 0 and deviation 1: y = (x − mean) ÷ √(variance + ε) · weight + bias.
///
/// - Shapes: `output`, `input` [N, C]; `mean`, `inverseDeviation` [N]; `weight`, `bias` [C].
/// - Units: `epsilon` is added to the variance (Σ of squares ÷ C), inside the root.
/// - Saves: `mean` and `inverseDeviation`, read by the replay and the backward.
/// - Accumulates: nothing. Sums in eight lanes and then the rest.
/// - Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450; ε as in PyTorch's `LayerNorm`.
public func layerNormForward(
    output: Matrix, mean: Vector, inverseDeviation: Vector, input: Matrix, weight: Vector, bias: Vector,
    epsilon: Float
) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        mean.count == rows && inverseDeviation.count == rows,
        "layer norm of \(rows) rows, \(mean.count) means and \(inverseDeviation.count) deviations")
    let (means, inverses) = unsafe (mean.writePointer, inverseDeviation.writePointer)
    for row in 0..<rows {
        let x = unsafe input.readRow(row)
        let middle = unsafe sum(x, columns) / Float(columns)
        let variance = unsafe squaredDistance(x, columns, from: middle) / Float(columns)
        unsafe means[row] = middle
        unsafe inverses[row] = 1 / (variance + epsilon).squareRoot()
    }
    layerNormReplay(
        output: output, input: input, mean: mean, inverseDeviation: inverseDeviation, weight: weight,
        bias: bias)
}

/// The output of ``layerNormForward(output:mean:inverseDeviation:input:weight:bias:epsilon:)`` again, to the bit, from
/// what it saved.
///
/// - Shapes: as there. Accumulates nothing.
public func layerNormReplay(
    output: Matrix, input: Matrix, mean: Vector, inverseDeviation: Vector, weight: Vector, bias: Vector
) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        output.rows == rows && output.columns == columns && mean.count == rows
            && inverseDeviation.count == rows && weight.count == columns && bias.count == columns,
        "layer norm of [\(rows), \(columns)] into [\(output.rows), \(output.columns)], weight \(weight.count)"
    )
    let (means, inverses) = unsafe (mean.readPointer, inverseDeviation.readPointer)
    let (w, b) = unsafe (weight.readPointer, bias.readPointer)
    for row in 0..<rows {
        let (x, y) = unsafe (input.readRow(row), output.writeRow(row))
        let (middle, inverse) = unsafe (means[row], inverses[row])
        for i in 0..<columns { unsafe y[i] = (x[i] - middle) * inverse * w[i] + b[i] }
    }
}

/// dInput += ∂loss/∂x of the layer norm: (g − mean(g) − n · mean(g·n)) ÷ deviation, with n the normalised row and
/// g = dY·weight.
///
/// - Shapes: `dInput`, `dOutput`, `input` [N, C]; `mean`, `inverseDeviation` [N]; `weight` [C].
/// - Accumulates: adds into `dInput` (the residual path's gradient is already there).
public func layerNormBackward(
    dInput: Matrix, dOutput: Matrix, input: Matrix, mean: Vector, inverseDeviation: Vector, weight: Vector
) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        dInput.rows == rows && dInput.columns == columns && dOutput.rows == rows
            && dOutput.columns == columns && mean.count == rows && inverseDeviation.count == rows
            && weight.count == columns,
        "layer norm backward of [\(rows), \(columns)], dOutput [\(dOutput.rows), \(dOutput.columns)]")
    let (means, inverses, w) = unsafe (
        mean.readPointer, inverseDeviation.readPointer, weight.readPointer
    )
    for row in 0..<rows {
        let (x, dY, dX) = unsafe (input.readRow(row), dOutput.readRow(row), dInput.writeRow(row))
        let (middle, inverse) = unsafe (means[row], inverses[row])
        let (plain, projected) = unsafe gradientSums(dY, w, x, columns, middle: middle)
        let shift = plain / Float(columns)
        let pull = projected * inverse * inverse / Float(columns)
        for i in 0..<columns { unsafe dX[i] += (dY[i] * w[i] - shift - (x[i] - middle) * pull) * inverse }
    }
}

/// ∂loss/∂weight of the layer norm: Σ over the rows, in their order, of dY · (x − mean) ÷ deviation. The bias's
/// gradient is `biasBackward`'s.
///
/// - Shapes: `dWeight` [C]; `dOutput`, `input` [N, C]; `mean`, `inverseDeviation` [N].
/// - Accumulates: nothing.
public func layerNormWeightBackward(
    dWeight: Vector, dOutput: Matrix, input: Matrix, mean: Vector, inverseDeviation: Vector
) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        dWeight.count == columns && dOutput.rows == rows && dOutput.columns == columns && mean.count == rows
            && inverseDeviation.count == rows,
        "weight gradient of a layer norm of [\(rows), \(columns)], dOutput [\(dOutput.rows), \(dOutput.columns)]"
    )
    fill(dWeight, with: 0)
    let (means, inverses, dW) = unsafe (
        mean.readPointer, inverseDeviation.readPointer, dWeight.writePointer
    )
    for row in 0..<rows {
        let (x, dY) = unsafe (input.readRow(row), dOutput.readRow(row))
        let (middle, inverse) = unsafe (means[row], inverses[row])
        for i in 0..<columns { unsafe dW[i] += dY[i] * ((x[i] - middle) * inverse) }
    }
}

/// Σ x
@inline(__always)
private func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    var lanes = Lanes.zero
    var i = 0
    while i + laneCount <= count {
        unsafe lanes += x.lanes(i)
        i += laneCount
    }
    var total = lanes.laneSum
    while i < count {
        unsafe total += x[i]
        i += 1
    }
    return total
}

/// Σ (x − middle)²
@inline(__always)
private func squaredDistance(_ x: UnsafePointer<Float>, _ count: Int, from middle: Float) -> Float {
    let middles = Lanes(repeating: middle)
    var lanes = Lanes.zero
    var i = 0
    while i + laneCount <= count {
        let distance = unsafe x.lanes(i) - middles
        lanes += distance * distance
        i += laneCount
    }
    var total = lanes.laneSum
    while i < count {
        let distance = unsafe x[i] - middle
        total += distance * distance
        i += 1
    }
    return total
}

/// Σ dY·w and Σ dY·w·(x − middle)
@inline(__always)
private func gradientSums(
    _ dY: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int,
    middle: Float
) -> (plain: Float, projected: Float) {
    let middles = Lanes(repeating: middle)
    var (plainLanes, projectedLanes) = (Lanes.zero, Lanes.zero)
    var i = 0
    while i + laneCount <= count {
        let g = unsafe dY.lanes(i) * w.lanes(i)
        plainLanes += g
        unsafe projectedLanes += g * (x.lanes(i) - middles)
        i += laneCount
    }
    var (plain, projected) = (plainLanes.laneSum, projectedLanes.laneSum)
    while i < count {
        let g = unsafe dY[i] * w[i]
        plain += g
        unsafe projected += g * (x[i] - middle)
        i += 1
    }
    return (plain, projected)
}
