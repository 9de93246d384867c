import CKernels
public import Tensors

/// Which of the two formulas of the Gaussian error linear unit.
///
/// - Source: Hendrycks & Gimpel 2016, arXiv:1606.08415.
public enum GELUForm: Int32, Sendable, CaseIterable {
    /// x · Φ(x), with the normal distribution function: Hugging Face's `gelu`.
    case erf = 0
    /// x ÷ 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))): Hugging Face's `gelu_new` and `gelu_pytorch_tanh`.
    case tanh = 1
}

/// output = gelu(input).
///
/// - Shapes: both [N, F]. Accumulates nothing. `output` may be `input`.
/// - Numerics: the factor of x is within 3e-7 of the exact one. The same bits under any variant.
public func geluForward(output: Matrix, input: Matrix, form: GELUForm) {
    geluForward(output: output, input: input, form: form, variant: .inUse)
}

/// ``geluForward(output:input:form:)`` by a variant that this processor has.
package func geluForward(output: Matrix, input: Matrix, form: GELUForm, variant: ProductVariant) {
    let (rows, columns) = (input.rows, input.columns)
    precondition(
        output.rows == rows && output.columns == columns,
        "GELU of [\(rows), \(columns)] into [\(output.rows), \(output.columns)]")
    for row in 0..<rows {
        unsafe CKernels_gelu_forward(
            variant.rawValue, form.rawValue, columns, output.writeRow(row), input.readRow(row))
    }
}

/// The gradient of the input of a GELU.
///
/// - Shapes: both [N, F].
/// - In place: `values` holds the input, and on return ∂loss/∂input.
/// - Accumulates: nothing.
public func geluBackward(values: Matrix, dOutput: Matrix, form: GELUForm) {
    geluBackward(values: values, dOutput: dOutput, form: form, variant: .inUse)
}

/// ``geluBackward(values:dOutput:form:)`` by a variant that this processor has.
package func geluBackward(values: Matrix, dOutput: Matrix, form: GELUForm, variant: ProductVariant) {
    let (rows, columns) = (values.rows, values.columns)
    precondition(
        dOutput.rows == rows && dOutput.columns == columns,
        "GELU backward of [\(rows), \(columns)] and [\(dOutput.rows), \(dOutput.columns)]")
    for row in 0..<rows {
        unsafe CKernels_gelu_backward(
            variant.rawValue, form.rawValue, columns, values.writeRow(row), dOutput.readRow(row))
    }
}
