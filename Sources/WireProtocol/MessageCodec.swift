/// Envelopes as frames and back: one protobuf frame (`protos/envelope.proto`), then raw payload frames.
///
/// Decoding takes whatever bytes come: lengths are compared with ``MessageLimits`` before anything is unpacked, every
/// number is checked for its range, and the outcome is an ``Envelope`` or a ``WireProtocolError``.
public enum MessageCodec {
    /// The frames of `envelope`. Texts for people are cut to ``MessageLimits/textByteCount``.
    ///
    /// - Throws: ``WireProtocolError`` when the other side could not take it: a limit is exceeded, or the payload is
    ///   not what the body declares.
    public static func encode(_ envelope: Envelope) throws(WireProtocolError) -> [[UInt8]] {
        let expected = PayloadRule(envelope.body)
        try expected.check(envelope.payload.map(\.count), of: envelope.body)
        return try [encodeHead(envelope)] + envelope.payload
    }

    /// The protobuf frame alone, for payloads that are sent from where they lie; `envelope.payload` is ignored.
    ///
    /// - Throws: ``WireProtocolError`` with code `.tooLarge` or `.malformed`, as in ``encode(_:)``.
    public static func encodeHead(_ envelope: Envelope) throws(WireProtocolError) -> [UInt8] {
        try MessageRules.check(envelope.body)
        let head = MessagePacking.pack(envelope)
        guard head.count <= MessageLimits.headByteCount else {
            throw WireProtocolError(
                .tooLarge,
                "a message \(envelope.body.name) has \(head.count) bytes, the limit is \(MessageLimits.headByteCount)"
            )
        }
        return head
    }

    /// The envelope in `frames`, with its payload's checksum compared.
    ///
    /// - Throws: ``WireProtocolError``: `.version` when the sender speaks another version, `.tooLarge`,
    ///   `.checksum`, or `.malformed`.
    public static func decode(_ frames: [[UInt8]]) throws(WireProtocolError) -> Envelope {
        guard let head = frames.first else { throw WireProtocolError(.malformed, "a message without frames") }
        var envelope = try unsafe decodeHead(
            head.span.bytes, payloadByteCounts: frames.dropFirst().map(\.count))
        envelope.payload = Array(frames.dropFirst())
        try checkPayload(of: envelope)
        return envelope
    }

    /// Compares the checksum that the body declares with the payload.
    ///
    /// - Throws: ``WireProtocolError`` with code `.checksum`.
    package static func checkPayload(of envelope: Envelope) throws(WireProtocolError) {
        guard let checksum = envelope.body.payloadChecksum, let payload = envelope.payload.first else {
            return
        }
        try unsafe VectorPayload.check(payload.span.bytes, checksum: checksum)
    }

    /// The envelope of a protobuf frame whose payload frames have these lengths and are read by the caller
    /// (``VectorPayload/read(_:checksum:into:)-(RawSpan,_,_)``).
    ///
    /// - Throws: ``WireProtocolError`` as ``decode(_:)``, but for the checksum.
    public static func decodeHead(
        _ head: RawSpan, payloadByteCounts: [Int]
    ) throws(WireProtocolError) -> Envelope {
        guard head.byteCount <= MessageLimits.headByteCount else {
            throw WireProtocolError(
                .tooLarge,
                "a message's first frame has \(head.byteCount) bytes, the limit is \(MessageLimits.headByteCount)"
            )
        }
        try checkVersion(head)
        try EnvelopeScan.checkBody(head)
        let envelope = try MessagePacking.unpack(head)
        try MessageRules.check(envelope.body)
        try PayloadRule(envelope.body).check(payloadByteCounts, of: envelope.body)
        return envelope
    }

    /// The protocol version of a message, in whatever version it is: its first five bytes.
    public static func protocolVersion(of head: RawSpan) -> UInt32? {
        guard head.byteCount >= 5, head.byte(0) == 0x0D else { return nil }
        return (1...4).reversed().reduce(0) { $0 << 8 | UInt32(head.byte($1)) }
    }

    private static func checkVersion(_ head: RawSpan) throws(WireProtocolError) {
        guard let version = protocolVersion(of: head) else {
            throw WireProtocolError(
                .malformed, "\(head.byteCount) bytes that do not start as a message of Shoal does")
        }
        guard version == ProtocolVersion.current else {
            throw WireProtocolError(
                .version,
                "the other side speaks protocol version \(version), this one \(ProtocolVersion.current); "
                    + "install the same version of shoal on both")
        }
    }
}

extension RawSpan {
    /// One byte; the span checks the bounds.
    func byte(_ offset: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
}
