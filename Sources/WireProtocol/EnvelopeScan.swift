/// A look at an envelope's outermost protobuf fields before it is unpacked: exactly one body, of a known kind, and no
/// header field twice.
///
/// protobuf lets a later field replace or merge with an earlier one; here that is an error, so that no two readers
/// can disagree about what a message says.
enum EnvelopeScan {
    /// Numbers of the oneof in `protos/envelope.proto`; fields from 16 to 127 are bodies, known or not.
    private static let knownBodies: Set<UInt64> = Set(
        [16...22, 26...28, 31...41, 47...50, 54...56, 64...65].joined().map(UInt64.init))
    private static let bodies: ClosedRange<UInt64> = 16...127
    private static let headers: ClosedRange<UInt64> = 1...15

    static func checkBody(_ head: RawSpan) throws(WireProtocolError) {
        var at = 0
        var found: UInt64?
        var seenHeaders: UInt64 = 0
        while at < head.byteCount {
            guard let tag = varint(head, &at) else { throw truncated(head) }
            let number = tag >> 3
            let isSkipped: Bool
            switch tag & 7 {
            case 0: isSkipped = varint(head, &at) != nil
            case 1: isSkipped = skip(8, head, &at)
            case 2: isSkipped = varint(head, &at).map { skip($0, head, &at) } ?? false
            case 5: isSkipped = skip(4, head, &at)
            default: isSkipped = false
            }
            guard isSkipped else { throw truncated(head) }
            if headers.contains(number) {
                guard seenHeaders & 1 << number == 0 else {
                    throw WireProtocolError(.malformed, "a message with the header field \(number) twice")
                }
                seenHeaders |= 1 << number
            }
            guard bodies.contains(number) else { continue }
            guard knownBodies.contains(number), tag & 7 == 2 else {
                throw WireProtocolError(
                    .malformed, "a message with a body of unknown kind \(number); the sender may be newer")
            }
            guard found == nil else {
                throw WireProtocolError(.malformed, "a message with two bodies, \(found ?? 0) and \(number)")
            }
            found = number
        }
        guard found != nil else { throw WireProtocolError(.malformed, "a message without a body") }
    }

    private static func varint(_ bytes: RawSpan, _ at: inout Int) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard at < bytes.byteCount else { return nil }
            let byte = bytes.byte(at)
            at += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    private static func skip(_ count: UInt64, _ bytes: RawSpan, _ at: inout Int) -> Bool {
        guard count <= UInt64(bytes.byteCount - at) else { return false }
        at += Int(count)
        return true
    }

    private static func truncated(_ head: RawSpan) -> WireProtocolError {
        WireProtocolError(.malformed, "a first frame of \(head.byteCount) bytes that is no protobuf message")
    }
}
