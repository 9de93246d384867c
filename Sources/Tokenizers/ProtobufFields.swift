/// Reads the fields of a protobuf message one by one.
///
/// Source: protobuf.dev, Encoding.
struct ProtobufFields {
    struct Field {
        enum Value {
            case integer(UInt64)
            case fixed32(UInt32)
            case fixed64(UInt64)
            case bytes(ArraySlice<UInt8>)
        }

        let number: UInt64
        let value: Value

        private func wrong(_ expected: String, _ context: String) -> TokenizerError {
            TokenizerError(
                code: .malformed, message: "field \(number) is not \(expected)", context: context)
        }

        func integer(_ context: String) throws(TokenizerError) -> UInt64 {
            guard case .integer(let number) = value else { throw wrong("a number", context) }
            return number
        }

        func float(_ context: String) throws(TokenizerError) -> Float {
            guard case .fixed32(let pattern) = value else { throw wrong("a float", context) }
            return Float(bitPattern: pattern)
        }

        func bytes(_ context: String) throws(TokenizerError) -> ArraySlice<UInt8> {
            guard case .bytes(let bytes) = value else { throw wrong("a string or message", context) }
            return bytes
        }

        func text(_ context: String) throws(TokenizerError) -> String {
            guard let text = String(validating: try bytes(context), as: UTF8.self) else {
                throw wrong("UTF-8", context)
            }
            return text
        }
    }

    private var rest: ArraySlice<UInt8>
    private let context: String

    init(_ bytes: ArraySlice<UInt8>, context: String) {
        rest = bytes
        self.context = context
    }

    private var isCutShort: TokenizerError {
        TokenizerError(
            code: .malformed, message: "the file is cut short or no protobuf message; fetch it again",
            context: context)
    }

    /// The next field, or nil at the end.
    ///
    /// - Throws: ``TokenizerError`` with code `.malformed`.
    mutating func next() throws(TokenizerError) -> Field? {
        if rest.isEmpty { return nil }
        let key = try varint()
        switch key & 7 {
        case 0: return Field(number: key >> 3, value: .integer(try varint()))
        case 1: return Field(number: key >> 3, value: .fixed64(try fixed(byteCount: 8)))
        case 2:
            guard let count = Int(exactly: try varint()), count <= rest.count else { throw isCutShort }
            defer { rest = rest.dropFirst(count) }
            return Field(number: key >> 3, value: .bytes(rest.prefix(count)))
        case 5:
            return Field(
                number: key >> 3, value: .fixed32(UInt32(truncatingIfNeeded: try fixed(byteCount: 4))))
        default: throw isCutShort
        }
    }

    private mutating func varint() throws(TokenizerError) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw isCutShort }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
        }
        throw isCutShort
    }

    private mutating func fixed(byteCount: Int) throws(TokenizerError) -> UInt64 {
        guard rest.count >= byteCount else { throw isCutShort }
        defer { rest = rest.dropFirst(byteCount) }
        return rest.prefix(byteCount).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Writes the fields of a protobuf message.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ number: UInt64, integer value: UInt64) {
        add(varint: number << 3)
        add(varint: value)
    }

    mutating func add(_ number: UInt64, float value: Float) {
        add(varint: number << 3 | 5)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    mutating func add(_ number: UInt64, bytes value: [UInt8]) {
        add(varint: number << 3 | 2)
        add(varint: UInt64(value.count))
        bytes += value
    }

    private mutating func add(varint value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: value))
    }
}
