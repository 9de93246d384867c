import COpenBLAS
public import Tensors

/// The first terms of a matrix's singular value decomposition: Σ values[i] · left[:, i] · right[i, :].
public struct SingularTerms {
    /// [rows, count] of orthonormal columns.
    public let left: [Double]
    /// [count], falling; 0 for terms beyond the matrix's rank.
    public let values: [Double]
    /// [count, columns] of orthonormal rows; zeros where the value is.
    public let right: [Double]

    /// The `count` largest terms, exact to Float64's rounding of the squared matrix: from the eigenvectors of the smaller
    /// of matrix · matrixᵀ and matrixᵀ · matrix.
    ///
    /// - Shapes: `matrix` [rows, columns].
    /// - Thread: caller's, one; the bits depend on ``BLAS/fingerprint``.
    /// - Returns: nil where LAPACK finds no eigenvalues, as of a matrix that is not finite.
    /// - Precondition: `count` is at most the smaller side.
    public init?(of matrix: Matrix, count: Int) {
        self.init(matrix.toArray().map(Double.init), rows: matrix.rows, columns: matrix.columns, count: count)
    }

    /// As many terms as `start` has columns, by so many rounds of subspace iteration.
    ///
    /// - Shapes: `matrix` [rows, columns]; `start` [columns, count], of random numbers.
    /// - Source: Halko et al. 2009, arXiv:0909.4061, algorithm 4.4, as `torch.svd_lowrank`.
    /// - Returns: nil as there.
    public init?(of matrix: Matrix, from start: Matrix, iterations: Int) {
        let (rows, columns, count) = (matrix.rows, matrix.columns, start.columns)
        precondition(
            start.rows == columns && count <= min(rows, columns), "\(count) terms of [\(rows), \(columns)]")
        let values = matrix.toArray().map(Double.init)
        var basis = Self.product(
            values, start.toArray().map(Double.init), rows: rows, inner: columns, columns: count)
        Self.orthonormalize(&basis, rows: rows, columns: count)
        for _ in 0..<iterations {
            var other = Self.product(
                values, basis, isTransposed: true, rows: columns, inner: rows, columns: count)
            Self.orthonormalize(&other, rows: columns, columns: count)
            basis = Self.product(values, other, rows: rows, inner: columns, columns: count)
            Self.orthonormalize(&basis, rows: rows, columns: count)
        }
        let small = Self.product(
            basis, values, isTransposed: true, rows: count, inner: rows, columns: columns)
        guard let terms = SingularTerms(small, rows: count, columns: columns, count: count) else {
            return nil
        }
        left = Self.product(basis, terms.left, rows: rows, inner: count, columns: count)
        self.values = terms.values
        right = terms.right
    }

    private init?(_ matrix: [Double], rows: Int, columns: Int, count: Int) {
        precondition(count >= 1 && count <= min(rows, columns), "\(count) terms of [\(rows), \(columns)]")
        let isWide = rows <= columns
        let side = min(rows, columns)
        let gram = Self.product(
            matrix, matrix, isTransposed: !isWide, isOtherTransposed: isWide, rows: side,
            inner: max(rows, columns), columns: side)
        guard gram.allSatisfy(\.isFinite),
            let (squares, vectors) = Self.largestEigenvectors(of: gram, side: side, count: count)
        else { return nil }
        let largest = max(squares.first ?? 0, 0).squareRoot()
        // Below that a value is rounding, and its vector on the other side has no meaning.
        let values = squares.map { max($0, 0).squareRoot() }.map { $0 > 1e-7 * largest ? $0 : 0 }
        if isWide {
            var right = Self.product(
                vectors, matrix, isTransposed: true, rows: count, inner: rows, columns: columns)
            for index in right.indices {
                let value = values[index / columns]
                right[index] = value > 0 ? right[index] / value : 0
            }
            (left, self.right) = (vectors, right)
        } else {
            var left = Self.product(matrix, vectors, rows: rows, inner: columns, columns: count)
            for index in left.indices {
                let value = values[index % count]
                left[index] = value > 0 ? left[index] / value : 0
            }
            self.left = left
            right = (0..<count).flatMap { term in (0..<columns).map { vectors[$0 * count + term] } }
        }
        self.values = values
    }

    /// [rows, inner] · [inner, columns], each factor row-major and perhaps stored transposed.
    private static func product(
        _ a: [Double], _ b: [Double], isTransposed: Bool = false, isOtherTransposed: Bool = false, rows: Int,
        inner: Int, columns: Int
    ) -> [Double] {
        var result = [Double](repeating: 0, count: rows * columns)
        unsafe cblas_dgemm(
            CblasRowMajor, isTransposed ? CblasTrans : CblasNoTrans,
            isOtherTransposed ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), 1, a,
            Int32(isTransposed ? rows : inner), b, Int32(isOtherTransposed ? inner : columns), 0, &result,
            Int32(columns))
        return result
    }

    /// Makes the columns orthonormal, twice over, so that rounding leaves nothing of one in the next.
    private static func orthonormalize(_ matrix: inout [Double], rows: Int, columns: Int) {
        for column in 0..<columns {
            for _ in 0..<2 {
                for earlier in 0..<column {
                    var overlap = 0.0
                    for row in 0..<rows {
                        overlap += matrix[row * columns + column] * matrix[row * columns + earlier]
                    }
                    for row in 0..<rows {
                        matrix[row * columns + column] -= overlap * matrix[row * columns + earlier]
                    }
                }
            }
            let square = (0..<rows).reduce(0.0) {
                $0 + matrix[$1 * columns + column] * matrix[$1 * columns + column]
            }
            let factor = square > 0 ? 1 / square.squareRoot() : 0
            for row in 0..<rows { matrix[row * columns + column] *= factor }
        }
    }

    /// The largest eigenvalues of a symmetric matrix, falling, and their vectors as columns [side, count].
    private static func largestEigenvectors(
        of matrix: [Double], side: Int, count: Int
    ) -> (values: [Double], vectors: [Double])? {
        var matrix = matrix
        var (n, leading, otherLeading) = (Int32(side), Int32(side), Int32(side))
        var (first, last, info, found) = (Int32(side - count + 1), Int32(side), Int32(0), Int32(0))
        var (lower, upper, tolerance) = (0.0, 0.0, 0.0)
        var values = [Double](repeating: 0, count: side)
        var vectors = [Double](repeating: 0, count: side * count)
        var support = [Int32](repeating: 0, count: 2 * count)
        var (workCount, integerCount) = (Int32(26 * side), Int32(10 * side))
        var work = [Double](repeating: 0, count: 26 * side)
        var integers = [Int32](repeating: 0, count: 10 * side)
        unsafe dsyevr_(
            "V", "I", "U", &n, &matrix, &leading, &lower, &upper, &first, &last, &tolerance, &found, &values,
            &vectors, &otherLeading, &support, &work, &workCount, &integers, &integerCount, &info, 1, 1, 1)
        guard info == 0, Int(found) == count, values[..<count].allSatisfy(\.isFinite) else { return nil }
        // LAPACK's are rising, and its vectors columns of a column-major matrix.
        let order = (0..<count).reversed()
        return (
            order.map { values[$0] },
            (0..<side).flatMap { row in order.map { vectors[$0 * side + row] } }
        )
    }
}
