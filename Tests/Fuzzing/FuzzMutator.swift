/// Changes bytes the way damage and malice do: bits, integers at their extremes, lengths, pieces lost, doubled, or taken
/// from elsewhere.
public struct FuzzMutator {
    public var random: FuzzRandom
    /// No input grows beyond this.
    public static let byteCountLimit = 256 << 10

    public init(random: FuzzRandom) { self.random = random }

    /// One to eight changes, mostly few.
    public mutating func mutate(_ bytes: inout [UInt8], other: [UInt8], words: [[UInt8]]) {
        let count = 1 + random.below(1 + random.below(8))
        for _ in 0..<count { change(&bytes, other: other, words: words) }
        if bytes.count > Self.byteCountLimit { bytes.removeLast(bytes.count - Self.byteCountLimit) }
    }

    private mutating func change(_ bytes: inout [UInt8], other: [UInt8], words: [[UInt8]]) {
        guard !bytes.isEmpty else {
            bytes = random.bytes(1 + random.below(16))
            return
        }
        let at = place(bytes.count)
        switch random.below(words.isEmpty ? 11 : 15) {
        case 0: bytes[at] ^= 1 << UInt8(random.below(8))
        case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 2, 3: overwriteInteger(&bytes, at)
        case 4: nudgeInteger(&bytes, at)
        case 5: bytes.replaceSubrange(at..<min(at + 1 + random.below(2), bytes.count), with: varint())
        case 6: bytes.removeLast(bytes.count - at)
        case 7: bytes.removeSubrange(piece(of: bytes.count, from: at))
        case 8:
            let copy = Array(bytes[piece(of: bytes.count, from: at)])
            bytes.insert(contentsOf: copy, at: random.oneIn(2) ? at + copy.count : place(bytes.count))
        case 9: splice(&bytes, at, other)
        case 10:
            let copy = Array(bytes[piece(of: bytes.count, from: at)])
            let target = place(bytes.count)
            for (index, byte) in copy.enumerated() where target + index < bytes.count {
                bytes[target + index] = byte
            }
        case 11, 12: replaceNumber(&bytes, near: at)
        case 13: insertWord(&bytes, at, words)
        default: nest(&bytes, at)
        }
    }

    /// A place below `count`; half the time near the start, where headers lie.
    private mutating func place(_ count: Int) -> Int {
        random.oneIn(2) ? random.below(count) : random.below(min(count, 1 + random.below(512)))
    }

    private mutating func piece(of count: Int, from at: Int) -> Range<Int> {
        let most = count - at
        let length = random.oneIn(4) ? 1 + random.below(most) : 1 + random.below(min(most, 24))
        return at..<at + length
    }

    /// 0, ±1, the largest and smallest of a width, powers of two and their neighbours, and small numbers.
    private mutating func extreme() -> UInt64 {
        switch random.below(8) {
        case 0: 0
        case 1: .max
        case 2: UInt64(Int64.max)
        case 3: UInt64(bitPattern: .min)
        case 4: 1 << UInt64(random.below(64))
        case 5: (1 << UInt64(random.below(64))) &- 1
        case 6: (1 << UInt64(random.below(64))) &+ UInt64(random.below(16))
        default: UInt64(random.below(300))
        }
    }

    private mutating func overwriteInteger(_ bytes: inout [UInt8], _ at: Int) {
        let width = random.pick([1, 2, 4, 4, 8, 8])
        let value = extreme()
        let isBigEndian = random.oneIn(4)
        for index in 0..<width where at + index < bytes.count {
            let shift = 8 * UInt64(isBigEndian ? width - 1 - index : index)
            bytes[at + index] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }

    private mutating func nudgeInteger(_ bytes: inout [UInt8], _ at: Int) {
        let width = min(random.pick([1, 2, 4, 8]), bytes.count - at)
        var value: UInt64 = 0
        for index in 0..<width { value |= UInt64(bytes[at + index]) << (8 * UInt64(index)) }
        value = random.oneIn(2) ? value &+ UInt64(1 + random.below(8)) : value &- UInt64(1 + random.below(8))
        for index in 0..<width { bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }

    private mutating func varint() -> [UInt8] {
        var value = extreme()
        var bytes: [UInt8] = []
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        return bytes + [UInt8(value)]
    }

    private mutating func splice(_ bytes: inout [UInt8], _ at: Int, _ other: [UInt8]) {
        guard !other.isEmpty else { return }
        let from = place(other.count)
        if random.oneIn(3) {
            bytes.replaceSubrange(at..., with: other[from...])
        } else {
            let copy = other[piece(of: other.count, from: from)]
            bytes.replaceSubrange(random.oneIn(2) ? at..<at : piece(of: bytes.count, from: at), with: copy)
        }
    }

    // MARK: - Text

    private static let numbers = [
        "0", "-0", "-1", "1", "2", "255", "65536", "2147483647", "2147483648", "4294967295", "4294967296",
        "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "18446744073709551615", "18446744073709551616", "4611686018427387904", "1e308", "1e309", "-1e309",
        "1e-400",
        "0.1", "1.5", "NaN", "Infinity", "1e9", "100000000", "00", "1e", "0x10", "null", "true", "[]", "{}",
        "\"\"",
    ].map { Array($0.utf8) }

    /// Replaces the number that stands nearest behind `at`.
    private mutating func replaceNumber(_ bytes: inout [UInt8], near at: Int) {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E }
        guard let start = bytes[at...].firstIndex(where: isDigit) ?? bytes.firstIndex(where: isDigit) else {
            return
        }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: random.pick(Self.numbers))
    }

    /// Puts a word of the grammar in, or in the place of the quoted text behind `at`.
    private mutating func insertWord(_ bytes: inout [UInt8], _ at: Int, _ words: [[UInt8]]) {
        let word = random.pick(words)
        let quote = UInt8(ascii: "\"")
        guard random.oneIn(2), let start = bytes[at...].firstIndex(of: quote), start + 1 < bytes.count,
            let end = bytes[(start + 1)...].firstIndex(of: quote)
        else {
            bytes.insert(contentsOf: word, at: at)
            return
        }
        bytes.replaceSubrange(start + 1..<end, with: word)
    }

    /// Opens many brackets, or repeats a byte.
    private mutating func nest(_ bytes: inout [UInt8], _ at: Int) {
        let opening = random.pick(["[", "{\"a\":", "(", "[{", "\"", "\\", "{", "- ", "%", "\u{0}", "\u{301}"])
        let count = random.oneIn(8) ? 20_000 : 1 + random.below(200)
        var text: [UInt8] = []
        for _ in 0..<count { text += opening.utf8 }
        bytes.insert(contentsOf: text, at: at)
    }
}
