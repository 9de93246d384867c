public import Tensors

/// The global norm of a flat gradient, the same to the bit on every host and however the work is shared.
///
/// The flat vector is cut into blocks of ``blockElementCount`` elements. Within a block, element i adds its
/// square, as Float64, to lane i mod 16; lanes j and j + 8, then j and j + 4, j + 2, j + 1 are added. The sums of
/// the blocks are added in ascending order. Squares of Float32 neither overflow nor vanish in Float64, so the sum
/// is finite exactly when every element is.
public enum GradientNorm {
    /// Elements of a block; a block's sum may be computed by any thread.
    public static let blockElementCount = 65_536

    /// Blocks of a flat vector of `count` elements; the last one may be shorter.
    public static func blockCount(of count: Int) -> Int {
        (count + blockElementCount - 1) / blockElementCount
    }

    /// The sums of squares of blocks `blocks` of `gradient`.
    ///
    /// - Shapes: `gradient` [the whole flat vector].
    /// - Thread: caller's.
    public static func blockSums(of gradient: Vector, blocks: Range<Int>) -> [Double] {
        blockSums(of: gradient, blocks: blocks, variant: .vector)
    }

    /// Σ of the squares of all elements: ``combine(_:)`` over all blocks.
    public static func squaredSum(of gradient: Vector) -> Double {
        combine(blockSums(of: gradient, blocks: 0..<blockCount(of: gradient.count)))
    }

    /// Adds the sums of all blocks, which must be in ascending order.
    public static func combine(_ blockSums: [Double]) -> Double { blockSums.reduce(0, +) }

    package static func blockSums(
        of gradient: Vector, blocks: Range<Int>, variant: ArithmeticVariant
    ) -> [Double] {
        precondition(
            blocks.lowerBound >= 0 && blocks.upperBound <= blockCount(of: gradient.count),
            "blocks \(blocks) of a vector of \(gradient.count) elements")
        return blocks.map { block in
            let start = block * blockElementCount
            let count = min(blockElementCount, gradient.count - start)
            let values = unsafe UnsafeBufferPointer(start: gradient.readPointer + start, count: count)
            switch variant {
            case .scalar: return unsafe scalarBlockSum(values)
            case .vector: return unsafe vectorBlockSum(values)
            }
        }
    }

    private static func scalarBlockSum(_ values: UnsafeBufferPointer<Float>) -> Double {
        var lanes = [Double](repeating: 0, count: 16)
        for index in 0..<values.count {
            let value = Double(unsafe values[index])
            lanes[index % 16] += value * value
        }
        var width = 8
        while width > 0 {
            for lane in 0..<width { lanes[lane] += lanes[lane + width] }
            width /= 2
        }
        return lanes[0]
    }

    private static func vectorBlockSum(_ values: UnsafeBufferPointer<Float>) -> Double {
        guard let start = values.baseAddress else { return 0 }
        let raw = unsafe UnsafeRawPointer(start)
        let whole = values.count & ~15
        // Two halves of 8 lanes: the compiler turns the conversion of 8 lanes into vector instructions, of 16 not.
        var low = SIMD8<Double>(repeating: 0)
        var high = SIMD8<Double>(repeating: 0)
        var index = 0
        while index < whole {
            let first = SIMD8<Double>(
                unsafe raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self))
            let second = SIMD8<Double>(
                unsafe raw.loadUnaligned(fromByteOffset: (index + 8) * 4, as: SIMD8<Float>.self))
            low += first * first
            high += second * second
            index += 16
        }
        while index < values.count {
            let value = Double(unsafe start[index])
            let lane = index & 15
            if lane < 8 { low[lane] += value * value } else { high[lane - 8] += value * value }
            index += 1
        }
        let eight = low + high
        let four = eight.lowHalf + eight.highHalf
        let two = four.lowHalf + four.highHalf
        return two[0] + two[1]
    }
}

/// Which of two implementations of the same arithmetic runs; tests hold their bits equal.
package enum ArithmeticVariant: Sendable, CaseIterable {
    /// One element after the other, as the definition reads.
    case scalar
    /// Several elements at once.
    case vector
}
