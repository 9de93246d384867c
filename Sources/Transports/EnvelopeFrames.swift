import Tensors
import WireProtocol
import ZeroMQ

/// Envelopes as libzmq's messages and back.
enum EnvelopeFrames {
    /// Frames ready to be sent.
    struct Outgoing {
        var frames: [ZMQMessage]
        var byteCount: Int

        /// The same frames again, sharing the bytes.
        func shared() throws(ZMQError) -> Outgoing {
            var copies: [ZMQMessage] = []
            for frame in frames { copies.append(try frame.shared()) }
            return Outgoing(frames: copies, byteCount: byteCount)
        }
    }

    static func encode(_ envelope: Envelope) throws(WireProtocolError) -> Outgoing {
        let frames = try MessageCodec.encode(envelope)
        return try outgoing(frames)
    }

    /// `header` and a chunk of which only the elements are still missing: its checksum is filled in.
    static func encode(
        _ header: Envelope.Header, _ chunk: GradientChunk, isReduced: Bool, _ elements: Vector
    ) throws(WireProtocolError) -> Outgoing {
        guard elements.count == Int(chunk.elementCount) else {
            throw WireProtocolError(
                .malformed, "a chunk of \(elements.count) elements declares \(chunk.elementCount)")
        }
        do {
            var chunk = chunk
            let payload = try ZMQMessage(byteCount: elements.count * 4) { span in
                chunk.checksum = VectorPayload.write(elements, into: &span)
            }
            let head = try MessageCodec.encodeHead(
                Envelope(header: header, body: isReduced ? .reduced(chunk) : .partial(chunk)))
            return Outgoing(
                frames: [try ZMQMessage(head), payload], byteCount: head.count + elements.count * 4)
        } catch let error as WireProtocolError {
            throw error
        } catch {
            throw noMemory(error)
        }
    }

    /// The envelope in `frames`.
    ///
    /// - Parameter destination: asked, with the envelope but for its payload, where a chunk's elements go; nil
    ///   leaves them in the envelope.
    static func decode(
        _ frames: ArraySlice<ZMQMessage>, destination: ((Envelope) -> Vector?)? = nil
    ) throws(WireProtocolError) -> Envelope {
        guard let head = frames.first else { throw WireProtocolError(.malformed, "a message without frames") }
        let payload = frames.dropFirst()
        guard let destination else {
            // Lengths first, so that nothing is copied for a message that is dropped.
            for frame in payload where frame.byteCount > MessageLimits.payloadFrameByteCount {
                throw WireProtocolError(.tooLarge, "a payload frame of \(frame.byteCount) bytes")
            }
            return try MessageCodec.decode(frames.map { $0.toArray() })
        }
        let byteCounts = payload.map(\.byteCount)
        var envelope = try head.withBytes { (bytes: RawSpan) throws(WireProtocolError) -> Envelope in
            try MessageCodec.decodeHead(bytes, payloadByteCounts: byteCounts)
        }
        guard let checksum = envelope.body.payloadChecksum, let elements = payload.first,
            let place = destination(envelope)
        else {
            envelope.payload = payload.map { $0.toArray() }
            try MessageCodec.checkPayload(of: envelope)
            return envelope
        }
        try elements.withBytes { (bytes: RawSpan) throws(WireProtocolError) in
            try VectorPayload.read(bytes, checksum: checksum, into: place)
        }
        return envelope
    }

    private static func outgoing(_ frames: [[UInt8]]) throws(WireProtocolError) -> Outgoing {
        var messages: [ZMQMessage] = []
        var byteCount = 0
        do {
            for frame in frames {
                messages.append(try ZMQMessage(frame))
                byteCount += frame.count
            }
        } catch {
            throw noMemory(error)
        }
        return Outgoing(frames: messages, byteCount: byteCount)
    }

    private static func noMemory(_ error: any Error) -> WireProtocolError {
        WireProtocolError(.tooLarge, "\(error)")
    }
}
