import Kernels
import Synchronization
import Tensors

/// The row norms of weight + scaling · B · A of one module, kept until A or B is another: they depend on nothing else, so
/// all micro-batches of a step share them.
public final class WeightNorms: Sendable {
    private struct Known {
        let loraA: Vector
        let loraB: Vector
        let norms: Vector
    }

    private let known = Mutex<Known?>(nil)

    init() {}

    /// ‖weight + scaling · B · A‖ of each row, or column of a transposed weight; of the same weight and scaling at
    /// every call.
    ///
    /// - Shapes: `weight` [out, in], or [in, out]; `loraA` [r, in]; `loraB` [out, r]; the result [out], not to be
    ///   changed.
    func values(
        weight: Matrix, loraA: Matrix, loraB: Matrix, loraScaling: Float, isTransposed: Bool = false
    ) -> Vector {
        known.withLock { known in
            let (a, b) = (loraA.elements, loraB.elements)
            if let known, known.loraA.hasSameBits(as: a), known.loraB.hasSameBits(as: b) {
                return known.norms
            }
            let norms = Self.norms(
                weight: weight, loraA: loraA, loraB: loraB, loraScaling: loraScaling,
                isTransposed: isTransposed
            )
            known = Known(loraA: a.copied(), loraB: b.copied(), norms: norms)
            return norms
        }
    }

    /// ‖weight + scaling · B · A‖ of each row, or ‖weight + scaling · Aᵀ · Bᵀ‖ of each column of a transposed weight.
    ///
    /// - Shapes: `weight` [out, in], or [in, out]; `loraA` [r, in]; `loraB` [out, r]; the result [out].
    static func norms(
        weight: Matrix, loraA: Matrix, loraB: Matrix, loraScaling: Float, isTransposed: Bool
    ) -> Vector {
        if isTransposed {
            return columnNorms(table: weight, loraA: loraA, loraB: loraB, loraScaling: loraScaling)
        }
        let norms = Vector(zeros: weight.rows)
        let block = Matrix(rows: min(blockRows, weight.rows), columns: weight.columns)
        for first in stride(from: 0, to: weight.rows, by: blockRows) {
            let rows = first..<min(first + blockRows, weight.rows)
            let adapted = block.rows(0..<rows.count)
            copy(output: adapted, from: weight.rows(rows))
            gemm(output: adapted, .plain(loraB.rows(rows)), .plain(loraA), alpha: loraScaling, beta: 1)
            rowNorms(output: norms[rows], input: adapted)
        }
        return norms
    }

    private static func columnNorms(
        table: Matrix, loraA: Matrix, loraB: Matrix, loraScaling: Float
    ) -> Vector {
        var squares = [Double](repeating: 0, count: table.columns)
        let block = Matrix(rows: min(blockRows, table.rows), columns: table.columns)
        let inner = Matrix(rows: block.rows, columns: loraA.rows)
        for first in stride(from: 0, to: table.rows, by: blockRows) {
            let rows = first..<min(first + blockRows, table.rows)
            let (adapted, columns) = (block.rows(0..<rows.count), inner.rows(0..<rows.count))
            copy(output: adapted, from: table.rows(rows))
            gatherColumns(output: columns, input: loraA, indices: rows.map { Int32($0) })
            gemm(output: adapted, .plain(columns), .transposed(loraB), alpha: loraScaling, beta: 1)
            addColumnSquares(to: &squares, input: adapted)
        }
        return Vector(squares.map { Float($0.squareRoot()) })
    }

    /// Rows of the adapted weight in memory at a time; part of the bits.
    private static let blockRows = 64
}

extension Matrix {
    /// All elements of a matrix without gaps.
    fileprivate var elements: Vector {
        precondition(isContiguous, "a matrix [\(rows), \(columns)] with gaps")
        return Vector(storage, offset: offset, count: count)
    }
}
