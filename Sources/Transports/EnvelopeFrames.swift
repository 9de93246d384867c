import WireProtocol
import ZeroMQ

/// Envelopes as libzmq's messages and back.
enum EnvelopeFrames {
    /// Frames ready to be sent.
    struct Outgoing {
        var frames: [ZMQMessage]
        var byteCount: Int
    }

    static func encode(_ envelope: Envelope) throws(WireProtocolError) -> Outgoing {
        let frames = try MessageCodec.encode(envelope)
        return try outgoing(frames)
    }

    /// The envelope in `frames`.
    static func decode(_ frames: ArraySlice<ZMQMessage>) throws(WireProtocolError) -> Envelope {
        guard !frames.isEmpty else { throw WireProtocolError(.malformed, "a message without frames") }
        // Lengths first, so that nothing is copied for a message that is dropped.
        for frame in frames.dropFirst() where frame.byteCount > MessageLimits.payloadFrameByteCount {
            throw WireProtocolError(.tooLarge, "a payload frame of \(frame.byteCount) bytes")
        }
        return try MessageCodec.decode(frames.map { $0.toArray() })
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
