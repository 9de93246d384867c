import Fuzzing
import Testing
import WireProtocol

@Suite struct ChecksumTests {
    /// Published values of CRC-32/ISO-HDLC, and what zlib.crc32 of Python gives.
    @Test(
        "agrees with zlib",
        arguments: [
            ("", UInt32(0)), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926),
            ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
        ])
    func knownValues(text: String, expected: UInt32) {
        #expect(Checksum.crc32(Array(text.utf8)) == expected)
    }

    @Test("every length up to a few rounds agrees with the definition, bit by bit")
    func definition() {
        var generator = FuzzRandom(seed: 3)
        for count in 0..<400 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            var crc = UInt32.max
            for byte in bytes {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
            }
            #expect(Checksum.crc32(bytes) == ~crc, "\(count) bytes")
            #expect(Checksum.crc32ByTables(bytes) == ~crc, "\(count) bytes by tables")
        }
    }
}
