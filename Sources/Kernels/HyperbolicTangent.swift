import CKernels
public import Tensors

/// output = tanh(input).
///
/// - Shapes: both [N, C]. Accumulates nothing. `output` may be `input`.
/// - Numerics: within 2e-7 of the exact value. The same bits under any variant.
public func tanhForward(output: Matrix, input: Matrix) {
    tanhForward(output: output, input: input, variant: .inUse)
}

/// ``tanhForward(output:input:)`` by a variant that this processor has.
package func tanhForward(output: Matrix, input: Matrix, variant: ProductVariant) {
    precondition(
        output.rows == input.rows && output.columns == input.columns,
        "tanh of [\(input.rows), \(input.columns)] into [\(output.rows), \(output.columns)]")
    for row in 0..<input.rows {
        unsafe CKernels_tanh_forward(
            variant.rawValue, input.columns, output.writeRow(row), input.readRow(row))
    }
}

/// The gradient of the input of a tanh.
///
/// - Shapes: both [N, C]; `output` is the forward's.
/// - In place: `dOutput` holds ∂loss/∂output, and on return ∂loss/∂input.
/// - Accumulates: nothing.
public func tanhBackward(dOutput: Matrix, output: Matrix) {
    precondition(
        output.rows == dOutput.rows && output.columns == dOutput.columns,
        "tanh backward of [\(output.rows), \(output.columns)] and [\(dOutput.rows), \(dOutput.columns)]")
    for row in 0..<output.rows {
        let (d, y) = unsafe (dOutput.writeRow(row), output.readRow(row))
        for column in 0..<output.columns {
            unsafe d[column] *= 1 - y[column] * y[column]
        }
    }
}
