import Tensors

/// Reads the little-endian numbers, strings and values of a GGUF header; every length is checked before use.
struct GGUFReader {
    /// Longest array that is read; vocabularies have a few hundred thousand entries.
    static let arrayLimit = 1 << 24
    /// Deepest nesting of arrays.
    static let depthLimit = 4

    private let file: MappedFile
    /// The next byte.
    private(set) var position: Int

    init(_ file: MappedFile) {
        self.file = file
        position = 0
    }

    /// Bytes left in the file.
    var remaining: Int { file.byteCount - position }

    private mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _: Number.Type, _ what: String
    ) throws(WeightFileError) -> Number {
        let width = MemoryLayout<Number>.size
        guard remaining >= width else { throw cut(what) }
        let value = file.withBytes(position..<position + width) { span in
            unsafe Number(littleEndian: span.unsafeLoadUnaligned(as: Number.self))
        }
        position += width
        return value
    }

    mutating func uint32(_ what: String) throws(WeightFileError) -> UInt32 { try number(UInt32.self, what) }

    mutating func uint64(_ what: String) throws(WeightFileError) -> UInt64 { try number(UInt64.self, what) }

    /// A count of things that take at least `minimumByteCount` bytes each, so at most as many as fit.
    mutating func count(_ what: String, minimumByteCount: Int) throws(WeightFileError) -> Int {
        let value = try uint64("the number of \(what)")
        guard value <= UInt64(remaining / minimumByteCount) else {
            throw WeightFileError(
                .malformed, file.path,
                "announces \(value) \(what), but only \(remaining) bytes follow; fetch the file again")
        }
        return Int(value)
    }

    mutating func string(_ what: String) throws(WeightFileError) -> String {
        let length = try count("bytes of \(what)", minimumByteCount: 1)
        let text = file.withBytes(position..<position + length) { span in
            unsafe span.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
        }
        guard let text else {
            throw WeightFileError(.malformed, file.path, "\(what) is not UTF-8; fetch the file again")
        }
        position += length
        return text
    }

    /// A value of GGUF type number `type`.
    mutating func value(type: UInt32, key: String, depth: Int = 0) throws(WeightFileError) -> GGUFValue {
        switch type {
        case 0: return .unsigned(UInt64(try number(UInt8.self, key)))
        case 1: return .signed(Int64(try number(Int8.self, key)))
        case 2: return .unsigned(UInt64(try number(UInt16.self, key)))
        case 3: return .signed(Int64(try number(Int16.self, key)))
        case 4: return .unsigned(UInt64(try number(UInt32.self, key)))
        case 5: return .signed(Int64(try number(Int32.self, key)))
        case 6: return .float32(Float(bitPattern: try number(UInt32.self, key)))
        case 7: return .boolean(try boolean(key))
        case 8: return .string(try string("'\(key)'"))
        case 9: return try array(key: key, depth: depth + 1)
        case 10: return .unsigned(try number(UInt64.self, key))
        case 11: return .signed(try number(Int64.self, key))
        case 12: return .float64(Double(bitPattern: try number(UInt64.self, key)))
        default: throw unknownType(type, key)
        }
    }

    private mutating func array(key: String, depth: Int) throws(WeightFileError) -> GGUFValue {
        let type = try uint32(key)
        guard depth <= GGUFReader.depthLimit else {
            throw WeightFileError(
                .malformed, file.path, "'\(key)' nests arrays deeper than \(GGUFReader.depthLimit)")
        }
        let widths: [UInt32: Int] = [
            0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 8: 8, 9: 12, 10: 8, 11: 8, 12: 8,
        ]
        guard let width = widths[type] else { throw unknownType(type, key) }
        let count = try count("elements of '\(key)'", minimumByteCount: width)
        guard count <= GGUFReader.arrayLimit else {
            throw WeightFileError(
                .unsupported, file.path,
                "'\(key)' has \(count) elements, at most \(GGUFReader.arrayLimit) are read")
        }
        switch type {
        case 0: return try integers(UInt8.self, count, key)
        case 1: return try integers(Int8.self, count, key)
        case 2: return try integers(UInt16.self, count, key)
        case 3: return try integers(Int16.self, count, key)
        case 4: return try integers(UInt32.self, count, key)
        case 5: return try integers(Int32.self, count, key)
        case 10: return try integers(UInt64.self, count, key)
        case 11: return try integers(Int64.self, count, key)
        case 6:
            return .floats(
                try elements(count) { (reader) throws(WeightFileError) in
                    Double(Float(bitPattern: try reader.number(UInt32.self, key)))
                })
        case 12:
            return .floats(
                try elements(count) { (reader) throws(WeightFileError) in
                    Double(bitPattern: try reader.number(UInt64.self, key))
                })
        case 7:
            return .booleans(
                try elements(count) { (reader) throws(WeightFileError) in try reader.boolean(key) })
        case 8:
            let what = "an element of '\(key)'"
            return .strings(
                try elements(count) { (reader) throws(WeightFileError) in try reader.string(what) })
        default:
            return .arrays(
                try elements(count) { (reader) throws(WeightFileError) in
                    try reader.array(key: key, depth: depth + 1)
                })
        }
    }

    private mutating func integers<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type, _ count: Int, _ key: String
    ) throws(WeightFileError) -> GGUFValue {
        .integers(
            try elements(count) { (reader) throws(WeightFileError) in
                let value = try reader.number(type, key)
                guard let signed = Int64(exactly: value) else {
                    throw WeightFileError(
                        .unsupported, reader.file.path, "'\(key)' has the element \(value), beyond 2⁶³ − 1")
                }
                return signed
            })
    }

    private mutating func elements<Element>(
        _ count: Int, _ next: (inout GGUFReader) throws(WeightFileError) -> Element
    ) throws(WeightFileError) -> [Element] {
        var result: [Element] = []
        result.reserveCapacity(count)
        for _ in 0..<count { result.append(try next(&self)) }
        return result
    }

    private mutating func boolean(_ key: String) throws(WeightFileError) -> Bool {
        let byte = try number(UInt8.self, key)
        guard byte < 2 else {
            throw WeightFileError(
                .malformed, file.path, "'\(key)' is neither true nor false but \(byte); fetch the file again")
        }
        return byte == 1
    }

    private func unknownType(_ type: UInt32, _ key: String) -> WeightFileError {
        WeightFileError(
            .malformed, file.path, "'\(key)' has value type \(type), known are 0 to 12; fetch the file again")
    }

    private func cut(_ what: String) -> WeightFileError {
        WeightFileError(
            .truncated, file.path, "ends at byte \(file.byteCount), inside '\(what)'; fetch the file again")
    }
}
