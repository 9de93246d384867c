public import Tensors

/// output[n, i] = input[i, indices[n]]: columns as rows.
///
/// - Shapes: `output` [N, R]; `input` [R, V]; `indices` [N], each in 0..<V. Accumulates nothing.
public func gatherColumns(output: Matrix, input: Matrix, indices: [Int32]) {
    precondition(
        output.rows == indices.count && output.columns == input.rows,
        "\(indices.count) columns of [\(input.rows), \(input.columns)] into [\(output.rows), \(output.columns)]"
    )
    for (row, index) in indices.enumerated() {
        precondition(index >= 0 && Int(index) < input.columns, "column \(index) of \(input.columns)")
        let y = unsafe output.writeRow(row)
        for i in 0..<input.rows { unsafe y[i] = input.readRow(i)[Int(index)] }
    }
}

/// The backward of ``gatherColumns(output:input:indices:)``: dInput[i, indices[n]] += dOutput[n, i], in the order of n.
///
/// - Shapes: `dInput` [R, V]; `dOutput` [N, R]; `indices` [N], each in 0..<V.
/// - Accumulates: adds into `dInput`.
public func gatherColumnsBackward(dInput: Matrix, dOutput: Matrix, indices: ArraySlice<Int32>) {
    precondition(
        dOutput.rows == indices.count && dOutput.columns == dInput.rows,
        "\(indices.count) columns of [\(dInput.rows), \(dInput.columns)] from [\(dOutput.rows), \(dOutput.columns)]"
    )
    for (row, index) in indices.enumerated() {
        precondition(index >= 0 && Int(index) < dInput.columns, "column \(index) of \(dInput.columns)")
        let dY = unsafe dOutput.readRow(row)
        for i in 0..<dInput.rows { unsafe dInput.writeRow(i)[Int(index)] += dY[i] }
    }
}

/// Adds the squares of each column of `input` to `sums`, in Float64, row after row.
///
/// - Shapes: `sums` [C]; `input` [N, C].
public func addColumnSquares(to sums: inout [Double], input: Matrix) {
    precondition(sums.count == input.columns, "\(sums.count) sums of \(input.columns) columns")
    unsafe sums.withUnsafeMutableBufferPointer { sums in
        for row in 0..<input.rows {
            let x = unsafe input.readRow(row)
            for i in 0..<input.columns { unsafe sums[i] += Double(x[i]) * Double(x[i]) }
        }
    }
}
