import Foundation

/// Reads JSON text into ``JSONValue``; strict, and bounded in depth, since the text comes from anywhere.
struct JSONParser {
    private let bytes: [UInt8]
    private let file: String
    private var position = 0
    /// Objects and arrays inside one another; a configuration has three.
    private static let depthLimit = 32

    /// Parses all of `bytes`.
    ///
    /// - Parameter file: name for errors.
    /// - Throws: ``AdapterError`` with code `.invalidConfiguration` and the byte at which the text stops being JSON.
    static func parse(_ bytes: [UInt8], file: String) throws(AdapterError) -> JSONValue {
        var parser = JSONParser(bytes: bytes, file: file)
        let value = try parser.value(depth: 0)
        guard parser.peek() == nil else { throw parser.failure("expected the end of the file") }
        return value
    }

    private init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    private mutating func value(depth: Int) throws(AdapterError) -> JSONValue {
        guard depth < Self.depthLimit else { throw failure("more than \(Self.depthLimit) levels") }
        switch peek() {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .array(try elements(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("expected a value")
        default: return try number()
        }
    }

    private mutating func members(depth: Int) throws(AdapterError) -> [JSONValue.Member] {
        try expect("{")
        if take("}") { return [] }
        var members: [JSONValue.Member] = []
        var keys: Set<String> = []
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw failure("expected a key") }
            let key = try string()
            guard keys.insert(key).inserted else { throw failure("the key '\(key)' comes twice") }
            try expect(":")
            members.append(JSONValue.Member(key, try value(depth: depth + 1)))
        } while take(",")
        try expect("}")
        return members
    }

    private mutating func elements(depth: Int) throws(AdapterError) -> [JSONValue] {
        try expect("[")
        if take("]") { return [] }
        var values: [JSONValue] = []
        repeat { values.append(try value(depth: depth + 1)) } while take(",")
        try expect("]")
        return values
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(AdapterError) -> JSONValue {
        guard bytes[position...].starts(with: text.utf8) else { throw failure("expected a value") }
        position += text.utf8.count
        return value
    }

    private mutating func number() throws(AdapterError) -> JSONValue {
        let start = position
        while position < bytes.count, Self.isPartOfNumber(bytes[position]) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let integer = Int(text), text.first != "+" { return .integer(integer) }
        guard let real = Double(text), real.isFinite, text.first != "+" else {
            position = start
            throw failure("expected a value")
        }
        return .real(real)
    }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    /// A string with its escapes; the piece between the quotes is left to Foundation, which knows them all.
    private mutating func string() throws(AdapterError) -> String {
        let start = position
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < bytes.count else { throw failure("a string without an end") }
        position += 1
        guard
            let text = try? JSONDecoder().decode(
                [String].self, from: Data("[".utf8 + bytes[start..<position] + "]".utf8)),
            let first = text.first
        else {
            position = start
            throw failure("a string that is not valid")
        }
        return first
    }

    private mutating func expect(_ character: Character) throws(AdapterError) {
        if !take(character) { throw failure("expected '\(character)'") }
    }

    private mutating func take(_ character: Character) -> Bool {
        guard let byte = peek(), byte == character.asciiValue else { return false }
        position += 1
        return true
    }

    /// Skips white space and returns the next byte without taking it.
    private mutating func peek() -> UInt8? {
        while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
        return position < bytes.count ? bytes[position] : nil
    }

    private func failure(_ problem: String) -> AdapterError {
        AdapterError(
            code: .invalidConfiguration, message: "\(file): not JSON at byte \(position): \(problem)",
            context: file)
    }
}
