/// Normally distributed numbers with mean 0 and deviation 1, from IEEE + − × ÷ √ alone: the same bits on every
/// host, which logarithms and cosines of a mathematics library do not promise.
public enum StandardNormal {
    /// Four independent numbers from one Philox block.
    ///
    /// - Source: Box & Muller 1958; of each pair of words the first gives the radius, the second the angle.
    public static func four(_ words: Philox.Block) -> SIMD4<Float> {
        let first = pair(words[0], words[1])
        let second = pair(words[2], words[3])
        return SIMD4(first.0, first.1, second.0, second.1)
    }

    private static func pair(_ radiusWord: UInt32, _ angleWord: UInt32) -> (Float, Float) {
        // In (0, 1], so that the logarithm is finite.
        let uniform = (Double(radiusWord) + 1) * 0x1p-32
        let radius = (-2 * logarithm(uniform)).squareRoot()
        // A quadrant from the two highest bits, the angle in it from the others.
        let (cosine, sine) = cosineAndSine(Double(angleWord & 0x3FFF_FFFF) * 0x1p-30)
        let (x, y) =
            switch angleWord >> 30 {
            case 0: (cosine, sine)
            case 1: (-sine, cosine)
            case 2: (-cosine, -sine)
            default: (sine, -cosine)
            }
        return (Float(radius * x), Float(radius * y))
    }

    /// The natural logarithm of a positive normal number, within 1e-15 relative (and 1e-16 absolute near 1).
    package static func logarithm(_ value: Double) -> Double {
        var significand = value.significand
        var exponent = Double(value.exponent)
        if significand > 1.414_213_562_373_095_1 {
            significand /= 2
            exponent += 1
        }
        // ln m = 2 artanh((m − 1) ÷ (m + 1)); |z| ≤ 0.1716, so 12 terms leave less than 1e-20.
        let z = (significand - 1) / (significand + 1)
        let square = z * z
        var sum = 0.0
        var power = 23.0
        while power >= 1 {
            sum = sum * square + 1 / power
            power -= 2
        }
        return exponent * 0.693_147_180_559_945_3 + 2 * z * sum
    }

    /// cos and sin of `quarter` · π/2 for `quarter` in [0, 1), within 1e-15.
    package static func cosineAndSine(_ quarter: Double) -> (Double, Double) {
        let x = quarter * (Double.pi / 2)
        let square = x * x
        // Taylor series in Horner's form; (π/2)^24 ÷ 24! < 1e-18.
        var cosine = 1.0
        var sine = 1.0
        var power = 22.0
        while power > 0 {
            cosine = 1 - cosine * square / (power * (power - 1))
            sine = 1 - sine * square / (power * (power + 1))
            power -= 2
        }
        return (cosine, sine * x)
    }
}
