/// The hash that decides on which side of `data.valid_fraction` a row falls.
///
/// FNV-1a over the bytes of the line (without line end and the white space around it), 64 bits, then the
/// finaliser of SplitMix64, because FNV's high bits hardly depend on the last bytes. The same row always falls on
/// the same side, wherever it stands and however often.
///
/// - Source: Fowler, Noll, Vo, draft-eastlake-fnv; Steele, Lea, Flood 2014 ("SplitMix").
public enum RowHash {
    /// The 64 bits.
    public static func hash(_ bytes: [UInt8]) -> UInt64 {
        var end = bytes.endIndex
        while end > bytes.startIndex, isSpace(bytes[end - 1]) { end -= 1 }
        let start = bytes[..<end].firstIndex { !isSpace($0) } ?? end
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes[start..<end] {
            hash ^= UInt64(byte)
            hash &*= 0x0000_0100_0000_01B3
        }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }

    /// Whether the row is kept back for evaluation: its upper 53 bits as a share of 1 are below `fraction`.
    public static func isHeldBack(_ bytes: [UInt8], fraction: Double) -> Bool {
        Double(hash(bytes) >> 11) * 0x1p-53 < fraction
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
    }
}
