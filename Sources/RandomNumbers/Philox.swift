/// The counter-based generator Philox4x32-10: 128 random bits as a pure function of a key and a counter.
///
/// Dropout masks, the shuffle and initial values come from it, so that they depend on what is computed and
/// never on who computes it, in which order, or how sequences are packed.
///
/// - Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; checked against the known
///   answers of Random123.
public enum Philox {
    /// Four 32-bit words.
    public typealias Block = SIMD4<UInt32>

    /// The block of random bits at `counter` under `key`.
    public static func block(key: UInt64, counter: Block) -> Block {
        var x = counter
        var k0 = UInt32(truncatingIfNeeded: key)
        var k1 = UInt32(truncatingIfNeeded: key >> 32)
        for round in 0..<10 {
            if round > 0 {
                k0 &+= 0x9E37_79B9
                k1 &+= 0xBB67_AE85
            }
            let p0 = UInt64(0xD251_1F53) &* UInt64(x[0])
            let p1 = UInt64(0xCD9E_8D57) &* UInt64(x[2])
            x = Block(
                UInt32(truncatingIfNeeded: p1 >> 32) ^ x[1] ^ k0, UInt32(truncatingIfNeeded: p1),
                UInt32(truncatingIfNeeded: p0 >> 32) ^ x[3] ^ k1, UInt32(truncatingIfNeeded: p0))
        }
        return x
    }

    /// What a stream of random numbers is for; the highest byte of counter word 0, so that streams never meet.
    public enum Purpose: UInt32, Sendable {
        case dropout = 1
        case shuffle = 2
        case initialization = 3
        case sampling = 4
        case masking = 5
    }

    /// The counter of a purpose: `low` (below 2^24) shares word 0 with it.
    public static func counter(_ purpose: Purpose, low: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32)
        -> Block
    {
        Block(purpose.rawValue << 24 | (low & 0x00FF_FFFF), b, c, d)
    }

    /// A Float32 in [0, 1) from the upper 24 bits of `word`.
    public static func unitInterval(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }
}
