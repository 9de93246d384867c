import CChecksum

/// CRC-32 as in zlib, gzip and PNG: reflected polynomial 0xEDB88320, initial and final complement.
///
/// By carry-less multiplication where the processor has it, since every chunk of a gradient passes through it at both
/// ends; elsewhere sixteen bytes a round from sixteen tables (Intel's "slicing-by-16").
public enum Checksum {
    /// The checksum of `bytes`.
    public static func crc32(_ bytes: RawSpan) -> UInt32 {
        unsafe bytes.withUnsafeBytes { buffer in unsafe crc32(buffer) }
    }

    /// The checksum of `bytes`.
    public static func crc32(_ bytes: [UInt8]) -> UInt32 { unsafe crc32(bytes.span.bytes) }

    static func crc32(_ buffer: UnsafeRawBufferPointer) -> UInt32 {
        guard let start = buffer.baseAddress else { return 0 }
        var taken = 0
        let crc = unsafe CChecksum_crc32(.max, start, buffer.count, &taken)
        return unsafe ~tabled(UnsafeRawBufferPointer(rebasing: buffer[taken...]), crc)
    }

    /// ``crc32(_:)-([UInt8])`` as processors without carry-less multiplication compute it.
    package static func crc32ByTables(_ bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe ~tabled($0, .max) }
    }

    /// The register after `buffer`, by tables.
    private static func tabled(_ buffer: UnsafeRawBufferPointer, _ register: UInt32) -> UInt32 {
        guard let start = buffer.baseAddress else { return register }
        let count = buffer.count
        return unsafe tables.withUnsafeBufferPointer { tables in
            guard let table = tables.baseAddress else { return register }
            var crc = register
            var at = 0
            while count &- at >= 16 {
                let first = unsafe start.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
                let second = unsafe start.loadUnaligned(fromByteOffset: at &+ 8, as: UInt64.self).littleEndian
                let low = first ^ UInt64(crc)
                // Byte i of the sixteen goes through table 15 − i.
                crc = unsafe fold(low, table + 8 * 256) ^ fold(second, table)
                at &+= 16
            }
            while at < count {
                let byte = unsafe start.load(fromByteOffset: at, as: UInt8.self)
                crc = unsafe crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xFF)]
                at &+= 1
            }
            return crc
        }
    }

    /// Eight bytes through the eight tables from `table`, the first byte through the last of them.
    @inline(__always)
    private static func fold(_ word: UInt64, _ table: UnsafePointer<UInt32>) -> UInt32 {
        let a = unsafe table[7 * 256 &+ Int(word & 0xFF)] ^ table[6 * 256 &+ Int(word >> 8 & 0xFF)]
        let b = unsafe table[5 * 256 &+ Int(word >> 16 & 0xFF)] ^ table[4 * 256 &+ Int(word >> 24 & 0xFF)]
        let c = unsafe table[3 * 256 &+ Int(word >> 32 & 0xFF)] ^ table[2 * 256 &+ Int(word >> 40 & 0xFF)]
        let d = unsafe table[256 &+ Int(word >> 48 & 0xFF)] ^ table[Int(word >> 56)]
        return a ^ b ^ c ^ d
    }

    /// Table k at k · 256: the effect of a byte followed by k zero bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 16 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
            tables[byte] = crc
        }
        for index in 256..<16 * 256 {
            let previous = tables[index - 256]
            tables[index] = previous >> 8 ^ tables[Int(previous & 0xFF)]
        }
        return tables
    }()
}
