import CKernels
import COpenBLAS
public import Tensors

/// A factor of a matrix product: a matrix as it lies in memory, or its transpose.
public struct Factor: Sendable {
    let matrix: Matrix
    let isTransposed: Bool

    /// The matrix as it is.
    public static func plain(_ matrix: Matrix) -> Factor { Factor(matrix: matrix, isTransposed: false) }
    /// The transpose of the matrix; nothing is copied.
    public static func transposed(_ matrix: Matrix) -> Factor { Factor(matrix: matrix, isTransposed: true) }

    var rows: Int { isTransposed ? matrix.columns : matrix.rows }
    var columns: Int { isTransposed ? matrix.rows : matrix.columns }
    var order: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }

    /// Columns `range` of it.
    func columns(_ range: Range<Int>) -> Factor {
        Factor(matrix: isTransposed ? matrix.rows(range) : matrix.columns(range), isTransposed: isTransposed)
    }
}

/// output = alpha · left · right + beta · output, in Float32.
///
/// - Shapes: `output` [m, n], `left` [m, k], `right` [k, n] after transposition; not both transposed.
/// - Accumulates: only with `beta` 1; with `beta` 0 `output` is overwritten, whatever it held.
/// - Numerics: one thread. Under ``ProductVariant/avx2`` and wider, the bits of an element depend on its row of `left`
///   and its column of `right` alone; under ``ProductVariant/blas`` also on (m, n, k) and ``BLAS/fingerprint``.
/// - Thread: caller's.
/// - Precondition: the shapes fit; `beta` is 0 or 1; `output` overlaps neither factor.
public func gemm(output: Matrix, _ left: Factor, _ right: Factor, alpha: Float = 1, beta: Float = 0) {
    gemm(output: output, left, right, alpha: alpha, beta: beta, variant: .inUse)
}

/// ``gemm(output:_:_:alpha:beta:)`` by a variant that this processor has.
package func gemm(
    output: Matrix, _ left: Factor, _ right: Factor, alpha: Float, beta: Float, variant: ProductVariant
) {
    let (m, n, k) = (output.rows, output.columns, left.columns)
    precondition(
        left.rows == m && right.columns == n && right.rows == k && (beta == 0 || beta == 1)
            && !(left.isTransposed && right.isTransposed),
        "[\(left.rows), \(left.columns)] · [\(right.rows), \(right.columns)] into [\(m), \(n)], beta \(beta)")
    guard m > 0, n > 0 else { return }
    guard variant != .blas else {
        return unsafe cblas_sgemm(
            CblasRowMajor, left.order, right.order, blasInt(m), blasInt(n), blasInt(k), alpha,
            left.matrix.readPointer, blasInt(max(left.matrix.rowStride, 1)),
            right.matrix.readPointer, blasInt(max(right.matrix.rowStride, 1)), beta,
            output.writePointer, blasInt(output.rowStride))
    }
    let (leftRow, leftInner) = left.isTransposed ? (1, left.matrix.rowStride) : (left.matrix.rowStride, 1)
    let (rightInner, rightColumn) =
        right.isTransposed ? (1, right.matrix.rowStride) : (right.matrix.rowStride, 1)
    let status = unsafe CKernels_sgemm(
        variant.rawValue, m, n, k, alpha, left.matrix.readPointer, leftRow, leftInner,
        right.matrix.readPointer, rightInner, rightColumn, beta == 0 ? 0 : 1, output.writePointer,
        output.rowStride)
    precondition(status == 0, "no memory for the factors of a product [\(m), \(k)] · [\(k), \(n)]")
}

/// output = input · right for a single row, which is three times as fast as the product of matrices.
///
/// - Shapes: `output` [out]; `input` [in]; `right` [in, out]. Accumulates nothing.
/// - Numerics: `cblas_sgemv`; its bits are another's than ``gemm(output:_:_:alpha:beta:)``'s, so generation only.
func vectorMatrix(output: Vector, input: Vector, _ right: Factor) {
    precondition(
        output.count == right.columns && input.count == right.rows,
        "[\(input.count)] · [\(right.rows), \(right.columns)] into [\(output.count)]")
    guard output.count > 0 else { return }
    let matrix = right.matrix
    unsafe cblas_sgemv(
        CblasRowMajor, right.isTransposed ? CblasNoTrans : CblasTrans, blasInt(matrix.rows),
        blasInt(matrix.columns), 1, matrix.readPointer, blasInt(max(matrix.rowStride, 1)), input.readPointer,
        1, 0, output.writePointer, 1)
}

/// Converts a dimension for BLAS, whose integers have 32 bits.
private func blasInt(_ dimension: Int) -> Int32 {
    guard let value = Int32(exactly: dimension) else {
        preconditionFailure("a dimension of \(dimension) exceeds BLAS's 32-bit integers")
    }
    return value
}
