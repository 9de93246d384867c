import Glibc
public import Tensors

/// `rope_scaling` of type `llama3`: low frequencies are slowed down, high ones kept, those between blended.
///
/// - Source: `_compute_llama3_parameters` of Hugging Face transformers 5.23 (`modeling_rope_utils.py`).
public struct Llama3RotaryScaling: Sendable, Equatable {
    public var factor: Double
    public var lowFrequencyFactor: Double
    public var highFrequencyFactor: Double
    /// Tokens of context the model was trained with first.
    public var originalContextLength: Int

    public init(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int
    ) {
        self.factor = factor
        self.lowFrequencyFactor = lowFrequencyFactor
        self.highFrequencyFactor = highFrequencyFactor
        self.originalContextLength = originalContextLength
    }
}

/// Cosines and sines of the rotary position embedding, for positions from 0 on; grows on demand.
///
/// Frequencies and angles are rounded to Float32 as Hugging Face does, so that long positions agree with it.
///
/// - Source: Su et al. 2021, arXiv:2104.09864.
public struct RotaryTable: Sendable {
    /// [D ÷ 2] radians per position.
    public let inverseFrequencies: [Float]
    /// [positions, D ÷ 2]
    private(set) var cosines = Matrix(rows: 0, columns: 0)
    /// [positions, D ÷ 2]
    private(set) var sines = Matrix(rows: 0, columns: 0)

    /// - Parameters:
    ///   - headDimension: D, even.
    ///   - theta: base of the frequencies, θ^(−2i/D).
    ///   - scaling: nil for the default type.
    public init(headDimension: Int, theta: Double, scaling: Llama3RotaryScaling? = nil) {
        precondition(headDimension > 0 && headDimension % 2 == 0, "head dimension \(headDimension) is odd")
        inverseFrequencies = (0..<headDimension / 2).map { index in
            let exponent = Float(2 * index) / Float(headDimension)
            let frequency = 1 / Float(pow(theta, Double(exponent)))
            return scaling?.scaled(frequency) ?? frequency
        }
    }

    /// Makes sure that positions below `count` are in the table; allocates only when it must grow.
    public mutating func reserve(positions count: Int) {
        guard count > cosines.rows else { return }
        let rows = max(count, min(2 * cosines.rows, cosines.rows + 4096), 128)
        cosines = Matrix(rows: rows, columns: inverseFrequencies.count)
        sines = Matrix(rows: rows, columns: inverseFrequencies.count)
        for position in 0..<rows {
            let (c, s) = unsafe (cosines.writeRow(position), sines.writeRow(position))
            for (index, frequency) in inverseFrequencies.enumerated() {
                let angle = Double(Float(position) * frequency)
                unsafe c[index] = Float(cos(angle))
                unsafe s[index] = Float(sin(angle))
            }
        }
    }
}

extension Llama3RotaryScaling {
    func scaled(_ frequency: Float) -> Float {
        let wavelength = 2 * Double.pi / Double(frequency)
        let context = Double(originalContextLength)
        if wavelength > context / lowFrequencyFactor { return Float(Double(frequency) / factor) }
        if wavelength < context / highFrequencyFactor { return frequency }
        let smooth =
            (context / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
        return Float((1 - smooth) * Double(frequency) / factor + smooth * Double(frequency))
    }
}

/// Rotates each head of each row by its position, in place. Row t has position `firstPosition` + t.
///
/// Dimension i is paired with i + D/2, as Hugging Face lays them out ("half rotation").
///
/// - Shapes: `rows` [T, heads · D]; D = 2 · `table.inverseFrequencies.count`.
/// - Precondition: the table reaches behind the last position.
public func rotaryForward(rows: Matrix, table: RotaryTable, firstPosition: Int) {
    rotate(rows: rows, table: table, firstPosition: firstPosition, direction: 1)
}

/// Gradient of ``rotaryForward(rows:table:firstPosition:)``: rotates back, in place.
///
/// - Shapes: `dRows` [T, heads · D].
public func rotaryBackward(dRows: Matrix, table: RotaryTable, firstPosition: Int) {
    rotate(rows: dRows, table: table, firstPosition: firstPosition, direction: -1)
}

private func rotate(rows: Matrix, table: RotaryTable, firstPosition: Int, direction: Float) {
    let half = table.inverseFrequencies.count
    precondition(
        rows.columns % (2 * half) == 0 && firstPosition >= 0
            && firstPosition + rows.rows <= table.cosines.rows,
        "rotary over \(rows.rows) rows from \(firstPosition), table of \(table.cosines.rows) positions")
    for row in 0..<rows.rows {
        let c = unsafe table.cosines.readRow(firstPosition + row)
        let s = unsafe table.sines.readRow(firstPosition + row)
        for head in 0..<rows.columns / (2 * half) {
            let x = unsafe rows.writeRow(row) + head * 2 * half
            for i in 0..<half {
                let (a, b, sine) = unsafe (x[i], x[i + half], s[i] * direction)
                unsafe x[i] = a * c[i] - b * sine
                unsafe x[i + half] = b * c[i] + a * sine
            }
        }
    }
}
