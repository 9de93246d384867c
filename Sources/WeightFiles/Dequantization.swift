public import Tensors

/// Float32 values of stored elements, bit for bit those of `gguf.quants.dequantize` (gguf 0.19.0).
///
/// Layouts: ggml-common.h of llama.cpp. All products and sums are single IEEE operations in that order.
public enum Dequantization {
    /// Expands `bytes` into `output`, which it overwrites.
    ///
    /// - Shapes: `output` [n], `bytes` n ÷ `blockElementCount` · `blockByteCount`.
    /// - Precondition: the counts fit each other and the type is expandable.
    public static func expand(_ bytes: RawSpan, elementType: ElementType, into output: Vector) {
        precondition(elementType.isExpandable, "\(elementType.rawValue) has no Float32 values")
        let blockCount = output.count / elementType.blockElementCount
        precondition(
            output.count % elementType.blockElementCount == 0
                && bytes.byteCount == blockCount * elementType.blockByteCount,
            "\(bytes.byteCount) bytes of \(elementType.rawValue) for \(output.count) values")
        guard output.count > 0 else { return }
        unsafe bytes.withUnsafeBytes { buffer in
            guard let source = buffer.baseAddress else { return }
            let target = unsafe output.writePointer
            switch elementType {
            case .float32:
                unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: buffer.count)
            case .float16: unsafe expandFloat16(source, target, blockCount)
            case .bfloat16: unsafe expandBFloat16(source, target, blockCount)
            case .q40: unsafe expandQ40(source, target, blockCount)
            case .q41: unsafe expandQ41(source, target, blockCount)
            case .q50: unsafe expandQ50(source, target, blockCount)
            case .q51: unsafe expandQ51(source, target, blockCount)
            case .q80: unsafe expandQ80(source, target, blockCount)
            case .q4K: unsafe expandQ4K(source, target, blockCount)
            case .q5K: unsafe expandQ5K(source, target, blockCount)
            case .q6K: unsafe expandQ6K(source, target, blockCount)
            default: preconditionFailure("\(elementType.rawValue) has no Float32 values")
            }
        }
    }

    // Files are little-endian, as are the machines this runs on.

    @inline(__always) private static func half(_ source: UnsafeRawPointer, _ offset: Int) -> Float {
        unsafe FloatConversion.float16(source.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always) private static func byte(_ source: UnsafeRawPointer, _ offset: Int) -> UInt8 {
        unsafe source.load(fromByteOffset: offset, as: UInt8.self)
    }

    private static func expandFloat16(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        for index in 0..<count { unsafe target[index] = half(source, 2 * index) }
    }

    private static func expandBFloat16(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        for index in 0..<count {
            unsafe target[index] = FloatConversion.bfloat16(
                source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
        }
    }

    /// half d; 16 bytes: element i in the low, i + 16 in the high nibble; value d · (q − 8).
    private static func expandQ40(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 18
            let to = unsafe target + block * 32
            let d = unsafe half(from, 0)
            for index in 0..<16 {
                let pair = unsafe Int32(byte(from, 2 + index))
                unsafe to[index] = d * Float((pair & 15) - 8)
                unsafe to[index + 16] = d * Float((pair >> 4) - 8)
            }
        }
    }

    /// half d, half m; nibbles as in Q4_0; value d · q + m.
    private static func expandQ41(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 20
            let to = unsafe target + block * 32
            let d = unsafe half(from, 0)
            let m = unsafe half(from, 2)
            for index in 0..<16 {
                let pair = unsafe Int32(byte(from, 4 + index))
                unsafe to[index] = d * Float(pair & 15) + m
                unsafe to[index + 16] = d * Float(pair >> 4) + m
            }
        }
    }

    /// half d; UInt32 of fifth bits; nibbles as in Q4_0; value d · (q − 16).
    private static func expandQ50(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 22
            let to = unsafe target + block * 32
            let d = unsafe half(from, 0)
            let high = unsafe from.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
            for index in 0..<16 {
                let pair = unsafe UInt32(byte(from, 6 + index))
                let low = Int32(pair & 15 | (high >> UInt32(index) & 1) << 4)
                let upper = Int32(pair >> 4 | (high >> UInt32(index + 16) & 1) << 4)
                unsafe to[index] = d * Float(low - 16)
                unsafe to[index + 16] = d * Float(upper - 16)
            }
        }
    }

    /// half d, half m; UInt32 of fifth bits; nibbles as in Q4_0; value d · q + m.
    private static func expandQ51(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 24
            let to = unsafe target + block * 32
            let d = unsafe half(from, 0)
            let m = unsafe half(from, 2)
            let high = unsafe from.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
            for index in 0..<16 {
                let pair = unsafe UInt32(byte(from, 8 + index))
                unsafe to[index] = d * Float(Int32(pair & 15 | (high >> UInt32(index) & 1) << 4)) + m
                unsafe to[index + 16] =
                    d * Float(Int32(pair >> 4 | (high >> UInt32(index + 16) & 1) << 4)) + m
            }
        }
    }

    /// half d; 32 signed bytes; value q · d.
    private static func expandQ80(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 34
            let to = unsafe target + block * 32
            let d = unsafe half(from, 0)
            for index in 0..<32 {
                unsafe to[index] = Float(Int32(Int8(bitPattern: byte(from, 2 + index)))) * d
            }
        }
    }

    /// Six-bit factor and minimum of sub-block `index` (0 ..< 8) from the 12 packed bytes of Q4_K and Q5_K.
    @inline(__always) private static func factorAndMinimum(
        _ packed: UnsafeRawPointer, _ index: Int
    ) -> (factor: Float, minimum: Float) {
        let factor: UInt8
        let minimum: UInt8
        if index < 4 {
            factor = unsafe byte(packed, index) & 63
            minimum = unsafe byte(packed, index + 4) & 63
        } else {
            let rest = unsafe byte(packed, index + 4)
            factor = unsafe rest & 15 | (byte(packed, index - 4) >> 2 & 0x30)
            minimum = unsafe rest >> 4 | (byte(packed, index) >> 2 & 0x30)
        }
        return (Float(Int32(factor)), Float(Int32(minimum)))
    }

    /// half d, half dmin; 12 bytes of factors; 128 bytes: 4 groups of 32, low nibbles then high nibbles;
    /// value (d · factor) · q − dmin · minimum.
    private static func expandQ4K(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 144
            let d = unsafe half(from, 0)
            let dmin = unsafe half(from, 2)
            for group in 0..<8 {
                let (factor, minimum) = unsafe factorAndMinimum(from + 4, group)
                let scaled = d * factor
                let shift = dmin * minimum
                let quants = unsafe from + 16 + (group / 2) * 32
                let to = unsafe target + block * 256 + group * 32
                let nibble: UInt8 = group % 2 == 0 ? 0 : 4
                for index in 0..<32 {
                    unsafe to[index] = scaled * Float(Int32(byte(quants, index) >> nibble & 15)) - shift
                }
            }
        }
    }

    /// As Q4_K, with 32 bytes of fifth bits (bit g for group g) before the nibbles.
    private static func expandQ5K(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 176
            let d = unsafe half(from, 0)
            let dmin = unsafe half(from, 2)
            for group in 0..<8 {
                let (factor, minimum) = unsafe factorAndMinimum(from + 4, group)
                let scaled = d * factor
                let shift = dmin * minimum
                let high = unsafe from + 16
                let quants = unsafe from + 48 + (group / 2) * 32
                let to = unsafe target + block * 256 + group * 32
                let nibble: UInt8 = group % 2 == 0 ? 0 : 4
                for index in 0..<32 {
                    let fifth = unsafe (byte(high, index) >> UInt8(group) & 1) << 4
                    let value = unsafe Int32(byte(quants, index) >> nibble & 15 | fifth)
                    unsafe to[index] = scaled * Float(value) - shift
                }
            }
        }
    }

    /// 128 bytes of low nibbles, 64 bytes of upper two bits, 16 signed factors, half d;
    /// value (d · factor) · (q − 32). Each half of 128 elements has 4 groups of 32.
    private static func expandQ6K(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blocks: Int
    ) {
        for block in 0..<blocks {
            let from = unsafe source + block * 210
            let d = unsafe half(from, 208)
            for group in 0..<8 {
                let (upperHalf, quarter) = (group / 4, group % 4)
                let low = unsafe from + upperHalf * 64 + (quarter % 2) * 32
                let high = unsafe from + 128 + upperHalf * 32
                let nibble: UInt8 = quarter < 2 ? 0 : 4
                let to = unsafe target + block * 256 + group * 32
                for index in 0..<32 {
                    let factor = unsafe Int8(bitPattern: byte(from, 192 + group * 2 + index / 16))
                    let bits =
                        unsafe byte(low, index) >> nibble & 15 | (byte(high, index) >> UInt8(2 * quarter) & 3)
                        << 4
                    unsafe to[index] = (d * Float(Int32(factor))) * Float(Int32(bits) - 32)
                }
            }
        }
    }
}
