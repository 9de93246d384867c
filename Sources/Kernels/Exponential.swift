import CKernels
package import Tensors

/// output = e^input, elementwise, as the kernels compute it.
///
/// - Shapes: both [n].
/// - Numerics: within 2 ulp on [−87.3, 88.3]; 0 below, clamped above; NaN stays NaN. The same bits under any variant.
/// - Returns: the sum, in eight lanes and then the rest.
@discardableResult
package func exponentialForward(
    output: Vector, input: Vector, variant: ProductVariant = .inUse
) -> Float {
    output.copy(from: input)
    return unsafe CKernels_exponentials(variant.rawValue, output.count, output.writePointer, 0)
}
