/// A JSON value whose objects keep their order and may not repeat a key.
///
/// Tokenizer files come from outside: the parser bounds nesting, refuses trailing bytes and never traps.
enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(key: String, value: JSONValue)])

    /// The number, if it is one.
    var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    /// - Throws: ``TokenizerError`` with code `.malformed`, naming the byte where the text stops being JSON.
    init(parsing bytes: [UInt8], context: String) throws(TokenizerError) {
        var parser = JSONParser(bytes: bytes, context: context)
        self = try parser.parseWhole()
    }

    /// What kind of value it is, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    static func == (one: JSONValue, other: JSONValue) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.elementsEqual(b) { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
        default: false
        }
    }
}

/// A recursive-descent parser of RFC 8259.
private struct JSONParser {
    let bytes: [UInt8]
    let context: String
    var position = 0

    private static let deepestNesting = 64

    init(bytes: [UInt8], context: String) {
        self.bytes = bytes
        self.context = context
        // A byte order mark is no part of the text.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    mutating func parseWhole() throws(TokenizerError) -> JSONValue {
        let value = try parseValue(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw malformed("more after the value") }
        return value
    }

    private func malformed(_ what: String) -> TokenizerError {
        TokenizerError(
            code: .malformed, message: "not valid JSON: \(what) at byte \(position) of \(bytes.count)",
            context: context)
    }

    private mutating func skipWhitespace() {
        while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
    }

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func expect(_ word: StaticString, _ value: JSONValue) throws(TokenizerError) -> JSONValue
    {
        let expected = Array(word.description.utf8)
        guard bytes[position...].starts(with: expected) else { throw malformed("an unknown word") }
        position += expected.count
        return value
    }

    private mutating func parseValue(depth: Int) throws(TokenizerError) -> JSONValue {
        guard depth < Self.deepestNesting else { throw malformed("more than \(Self.deepestNesting) levels") }
        skipWhitespace()
        switch peek() {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try expect("true", .bool(true))
        case UInt8(ascii: "f"): return try expect("false", .bool(false))
        case UInt8(ascii: "n"): return try expect("null", .null)
        case nil: throw malformed("the text ends where a value should be")
        default: return try parseNumber()
        }
    }

    private mutating func parseArray(depth: Int) throws(TokenizerError) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        skipWhitespace()
        if peek() == UInt8(ascii: "]") {
            position += 1
            return .array([])
        }
        while true {
            values.append(try parseValue(depth: depth + 1))
            skipWhitespace()
            switch peek() {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return .array(values)
            default: throw malformed("neither , nor ] after an element")
            }
        }
    }

    private mutating func parseObject(depth: Int) throws(TokenizerError) -> JSONValue {
        position += 1
        var members: [(key: String, value: JSONValue)] = []
        var seen = ByteStringTable(capacity: 8)
        skipWhitespace()
        if peek() == UInt8(ascii: "}") {
            position += 1
            return .object([])
        }
        while true {
            skipWhitespace()
            guard peek() == UInt8(ascii: "\"") else { throw malformed("no key") }
            let key = try parseString()
            guard seen.insert(Array(key.utf8), value: 0) == nil else {
                throw malformed("the key \"\(key.prefix(80))\" a second time")
            }
            skipWhitespace()
            guard peek() == UInt8(ascii: ":") else { throw malformed("no : after a key") }
            position += 1
            members.append((key, try parseValue(depth: depth + 1)))
            skipWhitespace()
            switch peek() {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return .object(members)
            default: throw malformed("neither , nor } after a member")
            }
        }
    }

    private mutating func parseNumber() throws(TokenizerError) -> JSONValue {
        let start = position
        while let byte = peek(),
            (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte)
        {
            position += 1
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let firstIsDigit = digits.utf8.first.map { (0x30...0x39).contains($0) } ?? false
        let hasLeadingZero =
            digits.utf8.count > 1 && digits.hasPrefix("0") && digits.dropFirst().first?.isNumber == true
        guard firstIsDigit, !hasLeadingZero, !text.hasSuffix(".") else { throw malformed("no value") }
        if let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw malformed("the number \(text.prefix(40))")
        }
        return .number(number)
    }

    private mutating func parseString() throws(TokenizerError) -> String {
        position += 1
        var content: [UInt8] = []
        while true {
            let start = position
            while let byte = peek(), byte != 0x22, byte != 0x5C, byte >= 0x20 { position += 1 }
            content += bytes[start..<position]
            switch peek() {
            case 0x22:
                position += 1
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw malformed("a string that is not UTF-8")
                }
                return text
            case 0x5C: try parseEscape(into: &content)
            default: throw malformed("a control character or the end inside a string")
            }
        }
    }

    private mutating func parseEscape(into content: inout [UInt8]) throws(TokenizerError) {
        position += 1
        guard let kind = peek() else { throw malformed("the end inside a string") }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(kind)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var value = try parseHexadecimal()
            if (0xD800...0xDBFF).contains(value), bytes[position...].starts(with: [0x5C, UInt8(ascii: "u")]) {
                position += 2
                let low = try parseHexadecimal()
                guard (0xDC00...0xDFFF).contains(low) else { throw malformed("half of a surrogate pair") }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw malformed("half of a surrogate pair") }
            content += String(scalar).utf8
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func parseHexadecimal() throws(TokenizerError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw malformed("the end inside a string") }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw malformed("no hexadecimal digit")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }
}
