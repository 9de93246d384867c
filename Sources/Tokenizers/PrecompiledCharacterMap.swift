/// SentencePiece's table of replacements: a double array (darts-clone) whose values are places in a list of texts.
///
/// The table comes from outside and is checked once, so that no walk through it, here or in libsentencepiece, leaves it.
///
/// Source: google/sentencepiece 0.1.97, `normalizer.cc`; Hugging Face spm_precompiled 0.1.4 and `tokenizers` 0.23.3,
/// `normalizers/precompiled.rs`; darts-clone 0.32.
struct PrecompiledCharacterMap: Sendable {
    private let units: [UInt32]
    private let texts: [UInt8]

    /// - Parameter bytes: the array's length in bytes (little-endian), the array, and texts that end with a zero.
    /// - Throws: ``TokenizerError`` with code `.malformed` when a place of the table leads out of it.
    init(_ bytes: [UInt8]) throws(TokenizerError) {
        func malformed(_ problem: String) -> TokenizerError {
            TokenizerError(
                code: .malformed, message: "the table of replacements \(problem); fetch the file again",
                context: "precompiled_charsmap")
        }
        func number(at place: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
        }
        guard bytes.count > 4 else { throw malformed("has only \(bytes.count) bytes") }
        let byteCount = Int(number(at: 0))
        guard byteCount >= 1024, byteCount % 4 == 0, byteCount <= bytes.count - 4 else {
            throw malformed("says it has \(byteCount) bytes of \(bytes.count)")
        }
        let units = stride(from: 4, to: 4 + byteCount, by: 4).map(number)
        let texts = Array(bytes[(4 + byteCount)...])
        guard texts.last == 0 else { throw malformed("has a text without an end") }
        guard String(validating: texts, as: UTF8.self) != nil else { throw malformed("is not UTF-8") }
        for (place, unit) in units.enumerated() {
            if unit >> 31 == 1 {
                guard Int(unit & 0x7FFF_FFFF) < texts.count else {
                    throw malformed("names a text that is not there")
                }
            } else if place ^ Self.offset(unit) | 0xFF >= units.count {
                throw malformed("leads out of itself at place \(place)")
            } else if unit >> 8 & 1 == 1, units[place ^ Self.offset(unit)] >> 31 == 0 {
                throw malformed("has no value where it says one is, at place \(place)")
            }
        }
        self.units = units
        self.texts = texts
    }

    private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }

    var description: String {
        "\(units.map { String($0, radix: 36) }.joined(separator: " ")) \(String(decoding: texts, as: UTF8.self))"
    }

    /// What stands for the shortest string of the table that `key` begins with, or nil.
    private func replacement(for key: some Sequence<UInt8>) -> ArraySlice<UInt8>? {
        var node = Self.offset(units[0])
        for byte in key {
            if byte == 0 { return nil }
            node ^= Int(byte)
            let unit = units[node]
            guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
            node ^= Self.offset(unit)
            if unit >> 8 & 1 == 1 {
                return texts[Int(units[node] & 0x7FFF_FFFF)...].prefix { $0 != 0 }
            }
        }
        return nil
    }

    /// Normalises valid UTF-8: characters of fewer than six bytes as a whole, then scalar by scalar.
    func apply(to text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for character in String(decoding: text, as: UTF8.self) {
            if character.utf8.count < 6, let replacement = replacement(for: character.utf8) {
                result += replacement
                continue
            }
            for scalar in character.unicodeScalars {
                let bytes = Array(String(scalar).utf8)
                result += replacement(for: bytes) ?? bytes[...]
            }
        }
        return result
    }
}
