import CKernels
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
        unsafe CKernels_swiglu_forward(
            ProductVariant.inUse.rawValue, columns, output.writeRow(row), gate.readRow(row), up.readRow(row))
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
        unsafe CKernels_swiglu_backward(
            ProductVariant.inUse.rawValue, columns, gate.writeRow(row), up.writeRow(row), dOutput.readRow(row)
        )
    }
}
