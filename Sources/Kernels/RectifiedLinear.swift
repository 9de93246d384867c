public import Tensors

/// output = max(0, input); what is no number stays so.
///
/// - Shapes: both [N, C]. Accumulates nothing. `output` may be `input`.
public func reluForward(output: Matrix, input: Matrix) {
    precondition(
        output.rows == input.rows && output.columns == input.columns,
        "relu of [\(input.rows), \(input.columns)] into [\(output.rows), \(output.columns)]")
    for row in 0..<input.rows {
        let (y, x) = unsafe (output.writeRow(row), input.readRow(row))
        for column in 0..<input.columns {
            unsafe y[column] = x[column] < 0 ? 0 : x[column]
        }
    }
}

/// The gradient of the input of a ``reluForward(output:input:)``.
///
/// - Shapes: both [N, C]; `output` is the forward's.
/// - In place: `dOutput` holds ∂loss/∂output, and on return ∂loss/∂input, which is 0 where the output is.
/// - Accumulates: nothing.
public func reluBackward(dOutput: Matrix, output: Matrix) {
    precondition(
        output.rows == dOutput.rows && output.columns == dOutput.columns,
        "relu backward of [\(output.rows), \(output.columns)] and [\(dOutput.rows), \(dOutput.columns)]")
    for row in 0..<output.rows {
        let (d, y) = unsafe (dOutput.writeRow(row), output.readRow(row))
        for column in 0..<output.columns {
            unsafe d[column] = y[column] <= 0 ? 0 : d[column]
        }
    }
}
