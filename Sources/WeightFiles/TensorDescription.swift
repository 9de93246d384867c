/// Where a tensor lies in a file of weights, checked against the file's length.
public struct TensorDescription: Sendable, Hashable {
    public let name: String
    public let elementType: ElementType
    /// Dimensions, outermost first (the reverse of GGUF's order on disk).
    public let shape: [Int]
    /// Product of `shape`.
    public let elementCount: Int
    /// First byte in the file.
    public let byteOffset: Int
    /// Bytes in the file.
    public let byteCount: Int

    /// The bytes in the file.
    public var byteRange: Range<Int> { byteOffset..<byteOffset + byteCount }

    /// "[576, 1536]"
    public var shapeText: String { "[" + shape.map(String.init).joined(separator: ", ") + "]" }

    /// Product of `shape` and the bytes it takes, or nil when either overflows or a row is no whole number
    /// of blocks.
    static func size(of shape: [Int], as elementType: ElementType) -> (elementCount: Int, byteCount: Int)? {
        var elementCount = 1
        for dimension in shape {
            guard dimension >= 0 else { return nil }
            let (product, overflow) = elementCount.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            elementCount = product
        }
        guard (shape.last ?? 1) % elementType.blockElementCount == 0 else { return nil }
        let blocks = elementCount / elementType.blockElementCount
        let (byteCount, overflow) = blocks.multipliedReportingOverflow(by: elementType.blockByteCount)
        return overflow ? nil : (elementCount, byteCount)
    }
}
