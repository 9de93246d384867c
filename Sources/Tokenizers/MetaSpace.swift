/// How SentencePiece writes spaces: as `▁` (U+2581), in the vocabulary as in the text.
///
/// Here the text keeps its spaces and the vocabulary's `▁` become spaces, so that offsets stay what they are. A `▁`
/// in the text means a space there, so it becomes one.
enum MetaSpace {
    static let symbol = "\u{2581}"
    static let space = UInt8(ascii: " ")

    /// The text a token's name stands for, or nil for a name with a space, which no text can spell.
    static func key(ofName name: String) -> [UInt8]? {
        let bytes = Array(name.utf8)
        return bytes.contains(space) ? nil : replacingSymbols(bytes)
    }

    /// `bytes` with each `▁` (E2 96 81) as a space.
    static func replacingSymbols(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(0xE2) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            if bytes[position] == 0xE2, position + 2 < bytes.count, bytes[position + 1] == 0x96,
                bytes[position + 2] == 0x81
            {
                result.append(space)
                position += 3
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        return result
    }

    /// `text` with each `▁` replaced; marks that follow one change nothing.
    static func replacingSymbols(_ text: String, with replacement: String = " ") -> String {
        let bytes = Normalizer.replacing(
            Array(symbol.utf8), with: Array(replacement.utf8), in: Array(text.utf8))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether `key` has a space after another character.
    static func crossesWords(_ key: [UInt8]) -> Bool {
        zip(key, key.dropFirst()).contains { $0 != space && $1 == space }
    }
}

/// Tokens that stand for one byte each: `<0x0A>`.
enum ByteToken {
    /// The byte a name stands for, or nil when it names none.
    static func value(ofName name: String) -> UInt8? {
        let bytes = Array(name.utf8)
        guard bytes.count == 6, name.hasPrefix("<0x"), name.hasSuffix(">") else { return nil }
        return UInt8(name.dropFirst(3).dropLast(), radix: 16)
    }

    /// The name of a byte's token.
    static func name(of byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x\(digits.count == 1 ? "0" : "")\(digits)>"
    }

    /// The id of each byte's token, or -1.
    static func ids(in names: ByteStringTable) -> [Int32] {
        (0...255).map { names[name(of: UInt8($0))] ?? -1 }
    }
}
