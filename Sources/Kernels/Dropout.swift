import RandomNumbers
public import Tensors

/// Which example and position each row of an activation belongs to, for counter-based dropout.
public struct DropoutRows: Sendable, Equatable {
    /// [N] row of the dataset.
    public var exampleIDs: [UInt32]
    /// [N] position of the token in its example.
    public var positions: [UInt32]

    public init(exampleIDs: [UInt32] = [], positions: [UInt32] = []) {
        self.exampleIDs = exampleIDs
        self.positions = positions
    }
}

/// One dropout mask: a pure function of seed, step, module, example, position and feature.
///
/// Features 4j … 4j+3 of a row use the words of the Philox block with key `seed` and counter
/// (dropout · 2^24 | module id, step, example id, (position mod 2^17) · 2^15 | j mod 2^15).
/// A feature is kept where the upper 24 bits of its word, as a fraction of 2^24, are at least `probability`.
public struct DropoutMask: Sendable, Equatable {
    public var seed: UInt64
    public var step: UInt32
    /// Number of the linear module in the model's forward order; below 2^24.
    public var moduleID: UInt32
    /// Probability of dropping, in [0, 1).
    public var probability: Float

    public init(seed: UInt64, step: UInt32, moduleID: UInt32, probability: Float) {
        precondition(probability >= 0 && probability < 1, "dropout probability \(probability)")
        precondition(moduleID < 1 << 24, "module id \(moduleID)")
        self.seed = seed
        self.step = step
        self.moduleID = moduleID
        self.probability = probability
    }

    /// 1 ÷ (1 − probability), what kept features are multiplied by.
    var keptFactor: Float { 1 / (1 - probability) }
    /// Smallest 24-bit number that is kept.
    var threshold: UInt32 { UInt32((Double(probability) * 0x1p24).rounded(.up)) }

    /// The words of features 4·`group` … 4·`group` + 3.
    @inline(__always)
    func block(exampleID: UInt32, position: UInt32, group: Int) -> SIMD4<UInt32> {
        let place = (position & 0x1_FFFF) << 15 | UInt32(truncatingIfNeeded: group) & 0x7FFF
        return Philox.block(
            key: seed, counter: Philox.counter(.dropout, low: moduleID, step, exampleID, place))
    }
}

/// output = mask · input ÷ (1 − p): inverted dropout as PEFT applies it to an adapter's input.
///
/// - Shapes: `output`, `input` [N, C]; `rows` N. Accumulates nothing.
public func dropoutForward(output: Matrix, input: Matrix, mask: DropoutMask, rows: DropoutRows) {
    applyDropout(output: output, input: input, mask: mask, rows: rows, accumulates: false)
}

/// dInput += mask · dOutput ÷ (1 − p).
///
/// - Shapes: `dInput`, `dOutput` [N, C]; `rows` N.
/// - Accumulates: adds into `dInput`.
public func dropoutBackward(dInput: Matrix, dOutput: Matrix, mask: DropoutMask, rows: DropoutRows) {
    applyDropout(output: dInput, input: dOutput, mask: mask, rows: rows, accumulates: true)
}

private func applyDropout(
    output: Matrix, input: Matrix, mask: DropoutMask, rows: DropoutRows, accumulates: Bool
) {
    let columns = input.columns
    precondition(
        output.rows == input.rows && output.columns == columns && rows.exampleIDs.count == input.rows
            && rows.positions.count == input.rows,
        "dropout of [\(input.rows), \(columns)] with \(rows.positions.count) row identities")
    let (threshold, factor) = (mask.threshold, mask.keptFactor)
    for row in 0..<input.rows {
        let (x, y) = unsafe (input.readRow(row), output.writeRow(row))
        let (exampleID, position) = (rows.exampleIDs[row], rows.positions[row])
        for group in 0..<(columns + 3) / 4 {
            let words = mask.block(exampleID: exampleID, position: position, group: group)
            for lane in 0..<min(4, columns - 4 * group) {
                let i = 4 * group + lane
                let kept = unsafe words[lane] >> 8 >= threshold ? x[i] * factor : 0
                unsafe y[i] = accumulates ? y[i] + kept : kept
            }
        }
    }
}
