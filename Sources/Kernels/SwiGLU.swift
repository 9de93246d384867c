public import Tensors

/// output = silu(gate) · up, with silu(x) = x ÷ (1 + e^−x).
///
/// - Shapes: all [N, F]. Accumulates nothing. `output` may be one of the inputs.
/// - Source: Shazeer 2020, arXiv:2002.05202.
public func swiGLUForward(output: Matrix, gate: Matrix, up: Matrix) {
    let (rows, columns) = (gate.rows, gate.columns)
    precondition(
        output.rows == rows && output.columns == columns && up.rows == rows && up.columns == columns,
        "SwiGLU of [\(rows), \(columns)] and [\(up.rows), \(up.columns)]")
    for row in 0..<rows {
        let (g, u, y) = unsafe (gate.readRow(row), up.readRow(row), output.writeRow(row))
        forEachLanes(columns) { i in
            let x = unsafe g.lanes(i)
            unsafe y.setLanes(i, x * sigmoid(x) * u.lanes(i))
        } rest: { i in
            let x = unsafe g[i]
            unsafe y[i] = x * sigmoid(Lanes(repeating: x))[0] * u[i]
        }
    }
}

/// Gradients of gate and up.
///
/// - Shapes: all [N, F].
/// - In place: on return `gate` holds ∂loss/∂gate and `up` holds ∂loss/∂up.
/// - Accumulates: nothing.
public func swiGLUBackward(gate: Matrix, up: Matrix, dOutput: Matrix) {
    let (rows, columns) = (gate.rows, gate.columns)
    precondition(
        dOutput.rows == rows && dOutput.columns == columns && up.rows == rows && up.columns == columns,
        "SwiGLU backward of [\(rows), \(columns)] and [\(dOutput.rows), \(dOutput.columns)]")
    for row in 0..<rows {
        let (g, u, dY) = unsafe (gate.writeRow(row), up.writeRow(row), dOutput.readRow(row))
        forEachLanes(columns) { i in
            let (x, v, d) = unsafe (g.lanes(i), u.lanes(i), dY.lanes(i))
            let s = sigmoid(x)
            let silu = x * s
            unsafe g.setLanes(i, d * v * (s + silu * (1 - s)))
            unsafe u.setLanes(i, d * silu)
        } rest: { i in
            let (x, v, d) = unsafe (g[i], u[i], dY[i])
            let s = sigmoid(Lanes(repeating: x))[0]
            let silu = x * s
            unsafe g[i] = d * v * (s + silu * (1 - s))
            unsafe u[i] = d * silu
        }
    }
}

/// Calls `body` for every whole group of lanes in 0..<count, `rest` for each index left over.
@inline(__always)
func forEachLanes(_ count: Int, _ body: (Int) -> Void, rest: (Int) -> Void) {
    var i = 0
    while i + laneCount <= count {
        body(i)
        i += laneCount
    }
    while i < count {
        rest(i)
        i += 1
    }
}
