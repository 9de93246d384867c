public import Tensors

/// output = a + b.
///
/// - Shapes: all [N, C]. `output` may be one of the inputs. Accumulates nothing.
public func add(output: Matrix, _ a: Matrix, _ b: Matrix) {
    precondition(
        a.rows == output.rows && a.columns == output.columns && b.rows == output.rows
            && b.columns == output.columns,
        "[\(a.rows), \(a.columns)] + [\(b.rows), \(b.columns)] into [\(output.rows), \(output.columns)]")
    for row in 0..<output.rows {
        let (y, x, z) = unsafe (output.writeRow(row), a.readRow(row), b.readRow(row))
        for i in 0..<output.columns { unsafe y[i] = x[i] + z[i] }
    }
}

/// Adds `bias` to every row of `output`.
///
/// - Shapes: `output` [N, C]; `bias` [C].
public func addBias(output: Matrix, bias: Vector) {
    precondition(bias.count == output.columns, "bias of \(bias.count) for \(output.columns) columns")
    let b = unsafe bias.readPointer
    for row in 0..<output.rows {
        let y = unsafe output.writeRow(row)
        for i in 0..<output.columns { unsafe y[i] += b[i] }
    }
}

/// The gradient of a bias: the sum of the rows of `dOutput`, in their order.
///
/// - Shapes: `dBias` [C]; `dOutput` [N, C].
/// - Accumulates: only when `accumulates`; otherwise `dBias` is overwritten.
public func biasBackward(dBias: Vector, dOutput: Matrix, accumulates: Bool) {
    precondition(
        dBias.count == dOutput.columns, "bias of \(dBias.count) for \(dOutput.columns) columns")
    if !accumulates { fill(dBias, with: 0) }
    let sum = unsafe dBias.writePointer
    for row in 0..<dOutput.rows {
        let dY = unsafe dOutput.readRow(row)
        for i in 0..<dOutput.columns { unsafe sum[i] += dY[i] }
    }
}

/// Overwrites every element.
public func fill(_ output: Matrix, with value: Float) {
    for row in 0..<output.rows {
        unsafe output.writeRow(row).update(repeating: value, count: output.columns)
    }
}

/// Overwrites every element.
public func fill(_ output: Vector, with value: Float) {
    unsafe output.writePointer.update(repeating: value, count: output.count)
}

/// Copies all rows.
///
/// - Shapes: both [N, C]; the two do not overlap.
public func copy(output: Matrix, from input: Matrix) {
    precondition(
        output.rows == input.rows && output.columns == input.columns,
        "[\(input.rows), \(input.columns)] into [\(output.rows), \(output.columns)]")
    for row in 0..<output.rows {
        unsafe output.writeRow(row).update(from: input.readRow(row), count: output.columns)
    }
}

/// output[i] = input[indices[i]].
///
/// - Shapes: `output` [M, C]; `input` [N, C]; `indices` [M], each below N.
public func gatherRows(output: Matrix, input: Matrix, indices: [Int32]) {
    precondition(
        output.rows == indices.count && output.columns == input.columns,
        "\(indices.count) rows of [\(input.rows), \(input.columns)] into [\(output.rows), \(output.columns)]")
    for (row, index) in indices.enumerated() {
        precondition(index >= 0 && Int(index) < input.rows, "row \(index) of \(input.rows)")
        unsafe output.writeRow(row).update(from: input.readRow(Int(index)), count: output.columns)
    }
}

/// The backward of ``gatherRows(output:input:indices:)``: zeros, with `input`'s rows at their places.
///
/// - Shapes: `output` [N, C]; `input` [M, C]; `indices` [M], each below N, each at most once.
/// - Accumulates: nothing.
public func scatterRows(output: Matrix, input: Matrix, indices: [Int32]) {
    precondition(
        input.rows == indices.count && output.columns == input.columns,
        "\(indices.count) rows of [\(output.rows), \(output.columns)] from [\(input.rows), \(input.columns)]")
    fill(output, with: 0)
    for (row, index) in indices.enumerated() {
        precondition(index >= 0 && Int(index) < output.rows, "row \(index) of \(output.rows)")
        unsafe output.writeRow(Int(index)).update(from: input.readRow(row), count: output.columns)
    }
}

/// output[n] = table[ids[n]]: the rows of an embedding.
///
/// - Shapes: `output` [N, C]; `table` [V, C]; `ids` [N], each in 0..<V (checked by the caller for outside data).
public func embeddingForward(output: Matrix, table: Matrix, ids: [Int32]) {
    gatherRows(output: output, input: table, indices: ids)
}

/// The backward of ``embeddingForward(output:table:ids:)``: dTable[ids[n]] += dOutput[n], in the order of n.
///
/// - Shapes: `dTable` [V, C]; `dOutput` [N, C]; `ids` [N], each in 0..<V.
/// - Accumulates: adds into `dTable`.
public func embeddingBackward(dTable: Matrix, dOutput: Matrix, ids: ArraySlice<Int32>) {
    precondition(
        dOutput.rows == ids.count && dOutput.columns == dTable.columns,
        "\(ids.count) rows of [\(dTable.rows), \(dTable.columns)] from [\(dOutput.rows), \(dOutput.columns)]")
    for (row, id) in ids.enumerated() {
        precondition(id >= 0 && Int(id) < dTable.rows, "id \(id) of \(dTable.rows)")
        let (sum, dY) = unsafe (dTable.writeRow(Int(id)), dOutput.readRow(row))
        for i in 0..<dTable.columns { unsafe sum[i] += dY[i] }
    }
}
