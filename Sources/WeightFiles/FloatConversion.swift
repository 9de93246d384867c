/// Float32 values of 16-bit floating-point numbers; exact for every bit pattern.
public enum FloatConversion {
    /// The value of an IEEE 754 half (F16). NaNs keep their payload, as in NumPy.
    @inline(__always) public static func float16(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF)
        if magnitude >= 0x0400 && magnitude < 0x7C00 {
            // Normal: move the fields, and the exponent's bias from 15 to 127.
            return Float(bitPattern: sign | ((magnitude << 13) &+ 0x3800_0000))
        }
        if magnitude >= 0x7C00 { return Float(bitPattern: sign | 0x7F80_0000 | ((magnitude & 0x3FF) << 13)) }
        // Zero and denormals: magnitude · 2⁻²⁴, which Float32 holds exactly.
        return Float(bitPattern: sign | (Float(magnitude) * Float(bitPattern: 0x3380_0000)).bitPattern)
    }

    /// The value of a bfloat16: the upper half of a Float32.
    @inline(__always) public static func bfloat16(_ bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) << 16)
    }

    /// The nearest half (F16), ties to even; infinite beyond its range.
    @inline(__always) public static func float16Bits(_ value: Float) -> UInt16 { Float16(value).bitPattern }

    /// The nearest bfloat16, ties to even. NaNs stay NaNs.
    @inline(__always) public static func bfloat16Bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        // Carries into the exponent where the fraction overflows, which is what rounding means there.
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}
