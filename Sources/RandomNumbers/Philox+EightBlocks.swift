extension Philox {
    /// Word w of eight blocks, one a lane.
    public typealias Words = SIMD8<UInt32>

    /// The blocks at eight counters at once, the same bits as ``block(key:counter:)`` of each.
    ///
    /// - Parameters: word w of counter j is lane j of the w-th argument.
    /// - Returns: word w of block j in lane j of the w-th element.
    public static func eightBlocks(key: UInt64, _ c0: Words, _ c1: Words, _ c2: Words, _ c3: Words)
        -> (Words, Words, Words, Words)
    {
        var (x0, x1, x2, x3) = (c0, c1, c2, c3)
        var k0 = UInt32(truncatingIfNeeded: key)
        var k1 = UInt32(truncatingIfNeeded: key >> 32)
        for round in 0..<10 {
            if round > 0 {
                k0 &+= 0x9E37_79B9
                k1 &+= 0xBB67_AE85
            }
            let (high0, low0) = product(0xD251_1F53, x0)
            let (high1, low1) = product(0xCD9E_8D57, x2)
            (x0, x1, x2, x3) = (
                high1 ^ x1 ^ Words(repeating: k0), low1, high0 ^ x3 ^ Words(repeating: k1), low0
            )
        }
        return (x0, x1, x2, x3)
    }

    /// The upper and lower halves of the 64-bit products.
    @inline(__always)
    private static func product(_ factor: UInt64, _ words: Words) -> (high: Words, low: Words) {
        let wide = SIMD8<UInt64>(truncatingIfNeeded: words) &* SIMD8(repeating: factor)
        return (Words(truncatingIfNeeded: wide &>> 32), Words(truncatingIfNeeded: wide))
    }
}
