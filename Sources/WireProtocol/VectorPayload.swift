public import Tensors

/// Float32 vectors as raw frames: little-endian bytes behind a checksum, copied once each way.
public enum VectorPayload {
    /// The bytes of `vector` and their checksum, for a ``StateChunk``.
    public static func encode(_ vector: Vector) -> (bytes: [UInt8], checksum: UInt32) {
        unsafe vector.withBytes { source in
            unsafe (Array(source), Checksum.crc32(source))
        }
    }

    /// Copies a received frame into `destination`, after comparing length and checksum.
    ///
    /// - Throws: ``WireProtocolError`` with code `.malformed` or `.checksum`; `destination` is untouched then.
    public static func read(
        _ frame: RawSpan, checksum: UInt32, into destination: Vector
    ) throws(WireProtocolError) {
        guard frame.byteCount == destination.count * 4 else {
            throw WireProtocolError(
                .malformed,
                "a payload of \(frame.byteCount) bytes came for \(destination.count) elements (\(destination.count * 4) bytes)"
            )
        }
        try check(frame, checksum: checksum)
        unsafe frame.withUnsafeBytes { source in
            unsafe destination.withMutableBytes { unsafe $0.copyMemory(from: source) }
        }
    }

    /// As ``read(_:checksum:into:)``, from bytes held in an array.
    public static func read(
        _ frame: [UInt8], checksum: UInt32, into destination: Vector
    ) throws(WireProtocolError) {
        try unsafe read(frame.span.bytes, checksum: checksum, into: destination)
    }

    static func check(_ frame: RawSpan, checksum: UInt32) throws(WireProtocolError) {
        let found = Checksum.crc32(frame)
        guard found == checksum else {
            throw WireProtocolError(
                .checksum,
                "a payload of \(frame.byteCount) bytes has CRC-32 \(hexadecimal(found)), "
                    + "its header says \(hexadecimal(checksum)); it was damaged on the way")
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
