/// A row-major Float32 matrix: a view of ``FloatStorage`` with a leading dimension.
///
/// Element (i, j) is `storage[offset + i · rowStride + j]`. Copying a matrix copies the view, not the elements.
public struct Matrix: @unchecked Sendable {
    // Safety: see FloatStorage; a view adds no state of its own.
    public let storage: FloatStorage
    /// Index of element (0, 0) in the storage.
    public let offset: Int
    public let rows: Int
    public let columns: Int
    /// Elements from one row to the next; at least `columns`.
    public let rowStride: Int

    /// - Precondition: every element lies inside the storage.
    public init(_ storage: FloatStorage, offset: Int = 0, rows: Int, columns: Int, rowStride: Int? = nil) {
        let stride = rowStride ?? columns
        precondition(
            rows >= 0 && columns >= 0 && offset >= 0 && stride >= columns, "matrix [\(rows), \(columns)]")
        let last = rows == 0 || columns == 0 ? offset : offset + (rows - 1) * stride + columns
        precondition(
            last <= storage.count,
            "matrix [\(rows), \(columns)] at \(offset) leaves \(storage.count) elements")
        self.storage = storage
        self.offset = offset
        self.rows = rows
        self.columns = columns
        self.rowStride = stride
    }

    /// Allocates a zeroed matrix.
    public init(rows: Int, columns: Int) {
        self.init(FloatStorage(count: rows * columns), rows: rows, columns: columns)
    }

    /// Whether rows follow one another without a gap.
    public var isContiguous: Bool { rowStride == columns || rows <= 1 }
    /// rows · columns
    public var count: Int { rows * columns }

    /// Rows `range` of this matrix.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
        return Matrix(
            storage, offset: offset + range.lowerBound * rowStride, rows: range.count,
            columns: columns, rowStride: rowStride)
    }

    /// Columns `range` of this matrix; the row stride stays.
    public func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
        return Matrix(
            storage, offset: offset + range.lowerBound, rows: rows, columns: range.count,
            rowStride: rowStride)
    }

    /// Row `index` as a vector.
    public func row(_ index: Int) -> Vector {
        precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
        return Vector(storage, offset: offset + index * rowStride, count: columns)
    }

    /// The elements in row-major order, copied. For tests and small reports, not for hot paths.
    public func toArray() -> [Float] { (0..<rows).flatMap { row($0).toArray() } }
}
