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
    public var keptFactor: Float { 1 / (1 - probability) }
    /// Smallest 24-bit number that is kept.
    var threshold: UInt32 { UInt32((Double(probability) * 0x1p24).rounded(.up)) }

    /// Columns of a matrix that holds the bits of `featureCount` features a row.
    public static func bitColumns(featureCount: Int) -> Int { (featureCount + 31) / 32 }

    /// Which of features 32·`index` … 32·`index` + 31 are kept: bit 4j + w is word w of block 8·`index` + j.
    @inline(__always)
    func bits(exampleID: UInt32, position: UInt32, index: Int) -> UInt32 {
        let lanes = Philox.Words(0, 1, 2, 3, 4, 5, 6, 7)
        let place = (position & 0x1_FFFF) << 15 | (UInt32(truncatingIfNeeded: index) &* 8) & 0x7FFF
        let first = Philox.counter(.dropout, low: moduleID, step, exampleID, place)
        let blocks = Philox.eightBlocks(
            key: seed, .init(repeating: first[0]), .init(repeating: first[1]), .init(repeating: first[2]),
            lanes &+ place)
        let limit = Philox.Words(repeating: threshold)
        var kept = Philox.Words.zero
        kept.replace(with: kept | 1, where: blocks.0 &>> 8 .>= limit)
        kept.replace(with: kept | 2, where: blocks.1 &>> 8 .>= limit)
        kept.replace(with: kept | 4, where: blocks.2 &>> 8 .>= limit)
        kept.replace(with: kept | 8, where: blocks.3 &>> 8 .>= limit)
        return (kept &<< (lanes &* 4)).wrappedSum()
    }
}

/// Computes a mask once, for every use of it in a pass.
///
/// - Shapes: `bits` [N, ⌈C ÷ 32⌉], overwritten with 32 features an element as bit patterns, not numbers; `rows` N.
public func dropoutBits(bits: Matrix, mask: DropoutMask, rows: DropoutRows) {
    precondition(
        rows.exampleIDs.count == bits.rows && rows.positions.count == bits.rows,
        "dropout of \(bits.rows) rows with \(rows.positions.count) row identities")
    for row in 0..<bits.rows {
        let (exampleID, position) = (rows.exampleIDs[row], rows.positions[row])
        let output = unsafe UnsafeMutableRawPointer(bits.writeRow(row))
        for index in 0..<bits.columns {
            let word = mask.bits(exampleID: exampleID, position: position, index: index)
            unsafe output.storeBytes(of: word, toByteOffset: 4 * index, as: UInt32.self)
        }
    }
}

/// output = mask · input ÷ (1 − p): inverted dropout as PEFT applies it to an adapter's input.
///
/// - Shapes: `output`, `input` [N, C]; `bits` of ``dropoutBits(bits:mask:rows:)``. Accumulates nothing.
public func dropoutForward(output: Matrix, input: Matrix, bits: Matrix, keptFactor: Float) {
    applyDropout(output: output, input: input, bits: bits, keptFactor: keptFactor, accumulates: false)
}

/// dInput += mask · dOutput ÷ (1 − p).
///
/// - Shapes: `dInput`, `dOutput` [N, C]; `bits` of ``dropoutBits(bits:mask:rows:)``.
/// - Accumulates: adds into `dInput`.
public func dropoutBackward(dInput: Matrix, dOutput: Matrix, bits: Matrix, keptFactor: Float) {
    applyDropout(output: dInput, input: dOutput, bits: bits, keptFactor: keptFactor, accumulates: true)
}

@inline(__always)
private func applyDropout(
    output: Matrix, input: Matrix, bits: Matrix, keptFactor: Float, accumulates: Bool
) {
    let columns = input.columns
    precondition(
        output.rows == input.rows && output.columns == columns && bits.rows == input.rows
            && bits.columns == DropoutMask.bitColumns(featureCount: columns),
        "dropout of [\(input.rows), \(columns)] with bits [\(bits.rows), \(bits.columns)]")
    // The factors of eight features for each value of their byte of bits: a select per lane is slower.
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 256 * laneCount) { table in
        guard let factors = table.baseAddress else { return }
        for i in 0..<table.count {
            unsafe factors[i] = (i / laneCount) >> (i % laneCount) & 1 == 1 ? keptFactor : 0
        }
        for row in 0..<input.rows {
            let (x, y) = unsafe (input.readRow(row), output.writeRow(row))
            // Bytes in order of features: x86-64 is little-endian.
            let bytes = unsafe UnsafeRawPointer(bits.readRow(row)).assumingMemoryBound(to: UInt8.self)
            forEachLanes(columns) { i in
                let kept = unsafe x.lanes(i) * factors.lanes(Int(bytes[i / 8]) * laneCount)
                unsafe y.setLanes(i, accumulates ? y.lanes(i) + kept : kept)
            } rest: { i in
                let kept = unsafe x[i] * factors[Int(bytes[i / 8]) * laneCount + i % 8]
                unsafe y[i] = accumulates ? y[i] + kept : kept
            }
        }
    }
}
