import CMessages

/// Memory of one message on its way into protobuf-c, all freed together.
@safe final class MessageArena {
    private var blocks: [UnsafeMutableRawPointer] = unsafe []

    deinit {
        while let block = unsafe blocks.popLast() { unsafe block.deallocate() }
    }

    private func allocate<Element>(_ count: Int, of type: Element.Type) -> UnsafeMutablePointer<Element> {
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: max(count, 1) * MemoryLayout<Element>.stride,
            alignment: MemoryLayout<Element>.alignment)
        unsafe blocks.append(block)
        return unsafe block.bindMemory(to: Element.self, capacity: count)
    }

    /// A message that `initialise` (protobuf-c's generated `…__init`) has set to its defaults.
    func make<Message>(
        _ initialise: (UnsafeMutablePointer<Message>?) -> Void,
        _ fill: (inout Message) -> Void = { _ in }
    ) -> UnsafeMutablePointer<Message> {
        let message = unsafe allocate(1, of: Message.self)
        unsafe initialise(message)
        unsafe fill(&message.pointee)
        return unsafe message
    }

    func text(_ string: String) -> UnsafeMutablePointer<CChar> {
        let bytes = string.utf8
        let copy = unsafe allocate(bytes.count + 1, of: CChar.self)
        for (index, byte) in bytes.enumerated() { unsafe copy[index] = CChar(bitPattern: byte) }
        unsafe copy[bytes.count] = 0
        return unsafe copy
    }

    /// Text for people, cut to ``MessageLimits/textByteCount`` between characters.
    func clippedText(_ string: String) -> UnsafeMutablePointer<CChar> {
        guard string.utf8.count > MessageLimits.textByteCount else { return unsafe text(string) }
        var clipped = string.prefix(MessageLimits.textByteCount)
        while clipped.utf8.count > MessageLimits.textByteCount - 3 { clipped.removeLast() }
        return unsafe text(clipped + "…")
    }

    func bytes(_ values: [UInt8]) -> ProtobufCBinaryData {
        unsafe ProtobufCBinaryData(len: values.count, data: array(values))
    }

    func array<Element>(_ values: [Element]) -> UnsafeMutablePointer<Element> {
        let copy = unsafe allocate(values.count, of: Element.self)
        for (index, value) in values.enumerated() { unsafe copy[index] = value }
        return unsafe copy
    }
}
