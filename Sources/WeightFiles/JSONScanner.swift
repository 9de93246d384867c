/// A strict scanner for the JSON of a safetensors header, which is hostile until proven otherwise.
///
/// Foundation's parser keeps one of two equal keys without a word; this one leaves every key to the caller,
/// and it never recurses.
struct JSONScanner {
    private let bytes: [UInt8]
    private let path: String
    private var position = 0

    init(_ bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// Skips white space and returns the next byte without taking it.
    mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    /// Takes `character` if it comes next.
    mutating func take(_ character: Character) -> Bool {
        guard let byte = peek(), byte == character.asciiValue else { return false }
        position += 1
        return true
    }

    /// Takes `character` or throws.
    mutating func expect(_ character: Character) throws(WeightFileError) {
        if !take(character) { throw failure("expected '\(character)'") }
    }

    mutating func expectEnd() throws(WeightFileError) {
        if peek() != nil { throw failure("expected the end of the header") }
    }

    /// Calls `member` for each key of an object; the key's value comes next.
    mutating func object(
        _ member: (inout JSONScanner, String) throws(WeightFileError) -> Void
    ) throws(WeightFileError) {
        try expect("{")
        if take("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    /// An array of integers that are not negative.
    mutating func integers() throws(WeightFileError) -> [Int] {
        try expect("[")
        if take("]") { return [] }
        var values: [Int] = []
        repeat { values.append(try integer()) } while take(",")
        try expect("]")
        return values
    }

    private mutating func integer() throws(WeightFileError) -> Int {
        var value = 0
        var digits = 0
        _ = peek()
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(Int(bytes[position]) - 0x30)
            if tooLarge || overflow { throw failure("an integer beyond 2⁶³ − 1") }
            value = sum
            digits += 1
            position += 1
        }
        if digits == 0 { throw failure("expected an integer that is not negative") }
        return value
    }

    mutating func string() throws(WeightFileError) -> String {
        try expect("\"")
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x22:
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw failure("a string that is not UTF-8")
                }
                return text
            case 0x5C: content.append(contentsOf: try escape())
            case 0..<0x20: throw failure("a control character in a string")
            default: content.append(byte)
            }
        }
        throw failure("a string without an end")
    }

    private mutating func escape() throws(WeightFileError) -> [UInt8] {
        guard position < bytes.count else { throw failure("a string without an end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if (0xD800..<0xDC00).contains(code) {
                guard position + 1 < bytes.count, bytes[position] == 0x5C,
                    bytes[position + 1] == UInt8(ascii: "u")
                else { throw failure("half a surrogate pair") }
                position += 2
                let low = try codeUnit()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
            return Array(String(Character(scalar)).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func codeUnit() throws(WeightFileError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let code = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw failure("an escape without four hexadecimal digits") }
        position += 4
        return code
    }

    func failure(_ problem: String) -> WeightFileError {
        WeightFileError(
            .malformed, path, "header, byte \(position): \(problem); the file is damaged, fetch it again")
    }
}
