import RandomNumbers
public import Tensors

/// The values that a new head starts with, beside an adapter or in a whole model.
public enum HeadInitialization {
    /// transformers' `initializer_range`.
    private static let deviation: Float = 0.02

    /// A matrix of normal numbers with deviation 0.02; zeros for a bias.
    ///
    /// - Parameters:
    ///   - number: that of the matrix among the head's; each has random numbers of its own.
    ///   - seed: `training.seed`.
    /// - Source: `PreTrainedModel._init_weights` of Hugging Face transformers 5.23.
    public static func values(shape: [Int], number: Int, seed: UInt64) -> Vector {
        let values = Vector(zeros: shape.reduce(1, *))
        guard shape.count > 1 else { return values }
        for block in 0..<(values.count + 3) / 4 {
            // The numbers 0 and 1 are those of LoRA's matrices.
            let counter = Philox.counter(
                .initialization, low: 2, UInt32(truncatingIfNeeded: number),
                UInt32(truncatingIfNeeded: block), 0)
            let normals = StandardNormal.four(Philox.block(key: seed, counter: counter))
            for lane in 0..<min(4, values.count - block * 4) {
                values[block * 4 + lane] = normals[lane] * deviation
            }
        }
        return values
    }
}
