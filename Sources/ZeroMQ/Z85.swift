/// ZeroMQ's text form of binary keys (RFC 32): 4 bytes as 5 characters of base 85, big-endian.
enum Z85 {
    static let keyByteCount = 32
    static let keyCharacterCount = 40

    private static let alphabet = Array(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
    private static let digits: [UInt8: UInt64] = Dictionary(
        uniqueKeysWithValues: alphabet.enumerated().map { ($1, UInt64($0)) })

    /// - Precondition: a multiple of four bytes.
    static func encode(_ bytes: [UInt8]) -> String {
        precondition(bytes.count % 4 == 0, "Z85 of \(bytes.count) bytes")
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 4) {
            var value = bytes[start..<start + 4].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            var group: [UInt8] = []
            for _ in 0..<5 {
                group.append(alphabet[Int(value % 85)])
                value /= 85
            }
            text += group.reversed()
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The 32 bytes of a key.
    ///
    /// - Throws: ``ZMQError`` with code `.invalidKey`; a secret is not repeated in the message.
    static func decodeKey(_ text: String, what: String, isSecret: Bool = false) throws(ZMQError) -> [UInt8] {
        let characters = Array(text.utf8)
        let shown = isSecret ? "the text" : "'\(text.prefix(60))'"
        guard characters.count == keyCharacterCount else {
            throw ZMQError(
                .invalidKey, "a \(what) has 40 characters, \(shown) has \(characters.count); copy it again")
        }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: characters.count, by: 5) {
            var value: UInt64 = 0
            for character in characters[start..<start + 5] {
                guard let digit = digits[character] else {
                    throw ZMQError(
                        .invalidKey, "\(shown) is no \(what): it has a character outside Z85; copy it again")
                }
                value = value * 85 + digit
            }
            guard let word = UInt32(exactly: value) else {
                throw ZMQError(.invalidKey, "\(shown) is no \(what): a group exceeds 32 bits; copy it again")
            }
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(shift))) }
        }
        return bytes
    }
}
