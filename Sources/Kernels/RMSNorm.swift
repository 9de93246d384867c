public import Tensors

/// Normalises each row by its root mean square: y = x / √(mean(x²) + ε) · weight.
///
/// - Shapes: `output`, `input` [N, C]; `inverseRMS` [N]; `weight` [C].
/// - Units: `epsilon` is added to the mean square, inside the root.
/// - Saves: `inverseRMS`, read by ``rmsNormReplay(output:input:inverseRMS:weight:)`` and the backward.
/// - Accumulates: nothing.
/// - Source: Zhang & Sennrich 2019, arXiv:1910.07467; ε as in Hugging Face's `LlamaRMSNorm`.
public func rmsNormForward(
    output: Matrix, inverseRMS: Vector, input: Matrix, weight: Vector, epsilon: Float
) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        output.rows == rows && output.columns == columns && inverseRMS.count == rows
            && weight.count == columns,
        "RMS norm of [\(rows), \(columns)] into [\(output.rows), \(output.columns)], weight \(weight.count)")
    let saved = unsafe inverseRMS.writePointer
    for row in 0..<rows {
        let x = unsafe input.readRow(row)
        let meanSquare = unsafe dot(x, x, columns) / Float(columns)
        unsafe saved[row] = 1 / (meanSquare + epsilon).squareRoot()
    }
    rmsNormReplay(output: output, input: input, inverseRMS: inverseRMS, weight: weight)
}

/// The output of ``rmsNormForward(output:inverseRMS:input:weight:epsilon:)`` again, to the bit, from what it saved.
///
/// - Shapes: as there. Accumulates nothing.
public func rmsNormReplay(output: Matrix, input: Matrix, inverseRMS: Vector, weight: Vector) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        output.rows == rows && output.columns == columns && inverseRMS.count == rows
            && weight.count == columns,
        "RMS norm of [\(rows), \(columns)] into [\(output.rows), \(output.columns)], weight \(weight.count)")
    let (saved, w) = unsafe (inverseRMS.readPointer, weight.readPointer)
    for row in 0..<rows {
        let (x, y, inverse) = unsafe (input.readRow(row), output.writeRow(row), saved[row])
        for i in 0..<columns { unsafe y[i] = x[i] * inverse * w[i] }
    }
}

/// dInput += ∂loss/∂x of the RMS norm: (dY·w)/rms − x · Σ(dY·w·x) / (C · rms³).
///
/// - Shapes: `dInput`, `dOutput`, `input` [N, C]; `inverseRMS` [N]; `weight` [C].
/// - Accumulates: adds into `dInput` (the residual path's gradient is already there).
public func rmsNormBackward(
    dInput: Matrix, dOutput: Matrix, input: Matrix, inverseRMS: Vector, weight: Vector
) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        dInput.rows == rows && dInput.columns == columns && dOutput.rows == rows
            && dOutput.columns == columns && inverseRMS.count == rows && weight.count == columns,
        "RMS norm backward of [\(rows), \(columns)], dOutput [\(dOutput.rows), \(dOutput.columns)]")
    let (saved, w) = unsafe (inverseRMS.readPointer, weight.readPointer)
    for row in 0..<rows {
        let (x, dY, dX) = unsafe (input.readRow(row), dOutput.readRow(row), dInput.writeRow(row))
        let inverse = unsafe saved[row]
        let projection = unsafe tripleDot(dY, w, x, columns)
        let pull = projection * inverse * inverse * inverse / Float(columns)
        for i in 0..<columns { unsafe dX[i] += dY[i] * w[i] * inverse - x[i] * pull }
    }
}

/// ∂loss/∂weight of the RMS norm: Σ over the rows, in their order, of dY · x / rms.
///
/// - Shapes: `dWeight` [C]; `dOutput`, `input` [N, C]; `inverseRMS` [N].
/// - Accumulates: nothing.
public func rmsNormWeightBackward(dWeight: Vector, dOutput: Matrix, input: Matrix, inverseRMS: Vector) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        dWeight.count == columns && dOutput.rows == rows && dOutput.columns == columns
            && inverseRMS.count == rows,
        "weight gradient of an RMS norm of [\(rows), \(columns)], dOutput [\(dOutput.rows), \(dOutput.columns)]"
    )
    fill(dWeight, with: 0)
    let (saved, dW) = unsafe (inverseRMS.readPointer, dWeight.writePointer)
    for row in 0..<rows {
        let (x, dY, inverse) = unsafe (input.readRow(row), dOutput.readRow(row), saved[row])
        for i in 0..<columns { unsafe dW[i] += dY[i] * (x[i] * inverse) }
    }
}

/// Σ a·b in eight lanes, then the rest.
@inline(__always)
func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var (lanes0, lanes1) = (Lanes.zero, Lanes.zero)
    var i = 0
    while i + 2 * laneCount <= count {
        unsafe lanes0 += a.lanes(i) * b.lanes(i)
        unsafe lanes1 += a.lanes(i + laneCount) * b.lanes(i + laneCount)
        i += 2 * laneCount
    }
    var total = (lanes0 + lanes1).laneSum
    while i < count {
        unsafe total += a[i] * b[i]
        i += 1
    }
    return total
}

/// Σ a·b·c in eight lanes, then the rest.
@inline(__always)
private func tripleDot(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>, _ count: Int
) -> Float {
    var lanes = Lanes.zero
    var i = 0
    while i + laneCount <= count {
        unsafe lanes += a.lanes(i) * b.lanes(i) * c.lanes(i)
        i += laneCount
    }
    var total = lanes.laneSum
    while i < count {
        unsafe total += a[i] * b[i] * c[i]
        i += 1
    }
    return total
}
