import Crypto
import Glibc

/// A SHA-256 digest: 32 bytes, written as 64 lower-case hexadecimal digits.
public struct Digest: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// Length of a digest in bytes.
    public static let byteCount = 32
    /// The 32 bytes.
    public let bytes: [UInt8]

    /// Takes exactly 32 bytes; nil for any other number.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Digest.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Takes 64 hexadecimal digits of either case; nil for anything else.
    public init?(hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == 2 * Digest.byteCount else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Digest.value(ofDigit: digits[index]),
                let low = Digest.value(ofDigit: digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    init(_ digest: SHA256Digest) { bytes = Array(digest) }

    /// 64 lower-case hexadecimal digits.
    public var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    public var description: String { hex }

    public static func < (left: Digest, right: Digest) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Decodes a string of 64 hexadecimal digits.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(hex: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is no SHA-256 digest of 64 hexadecimal digits")
        }
        self = digest
    }

    /// Encodes a string of 64 hexadecimal digits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }

    /// The digest of bytes in memory.
    public static func sha256(_ bytes: [UInt8]) -> Digest { sha256(unsafe bytes.span.bytes) }

    /// The digest of the UTF-8 of `text`.
    public static func sha256(_ text: String) -> Digest { sha256(Array(text.utf8)) }

    /// The digest of bytes in memory.
    public static func sha256(_ bytes: RawSpan) -> Digest {
        var stream = DigestStream()
        stream.update(bytes)
        return stream.finish()
    }

    /// The digest of a file's content, read in pieces of 1 MiB.
    public static func sha256(ofFile path: String) throws(DurableFileError) -> Digest {
        let descriptor = try SystemCalls.open(path, O_RDONLY, action: "open")
        defer { close(descriptor) }
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { unsafe piece.deallocate() }
        var hasher = SHA256()
        while true {
            let count = unsafe try SystemCalls.read(descriptor, into: piece, path: path)
            if count == 0 { return Digest(hasher.finalize()) }
            unsafe hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
    }

    private static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// SHA-256 over bytes that arrive piece by piece.
public struct DigestStream: Sendable {
    private var hasher = SHA256()

    public init() {}

    public mutating func update(_ bytes: [UInt8]) { update(unsafe bytes.span.bytes) }

    public mutating func update(_ text: String) { update(Array(text.utf8)) }

    public mutating func update(_ digest: Digest) { update(digest.bytes) }

    public mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
    }

    /// The digest of everything so far; more may follow.
    public func finish() -> Digest { Digest(hasher.finalize()) }
}
