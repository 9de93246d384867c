import DurableFiles
public import Tensors

/// Writes GGUF files (version 3) whose bytes depend on metadata, names, shapes and values alone.
///
/// Source: ggml, docs/gguf.md.
public enum GGUFWriter {
    /// A metadata value that this writer knows.
    public enum Value: Sendable, Equatable {
        case string(String)
        case float32(Float)
        case uint32(UInt32)
    }

    /// A Float32 tensor.
    public struct Tensor: Sendable {
        public let name: String
        /// Outermost dimension first; GGUF stores them the other way round.
        public let shape: [Int]
        /// The values in row-major order; as many as `shape` says.
        public let values: Vector

        public init(name: String, shape: [Int], values: Vector) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// Bytes between which tensors begin: `general.alignment`'s default.
    private static let alignment = 32

    /// Writes `path` atomically.
    ///
    /// - Parameter metadata: keys and values in the order of the file; each key once.
    /// - Throws: `DurableFileError` when the disk refuses.
    /// - Precondition: each tensor has as many values as its shape says.
    public static func write(
        metadata: [(key: String, value: Value)], tensors: [Tensor], to path: String
    ) throws {
        var header = Array("GGUF".utf8) + bytes(UInt32(3)) + bytes(UInt64(tensors.count))
        header += bytes(UInt64(metadata.count))
        for (key, value) in metadata {
            header += text(key)
            switch value {
            case .string(let string): header += bytes(UInt32(8)) + text(string)
            case .float32(let number): header += bytes(UInt32(6)) + bytes(number.bitPattern)
            case .uint32(let number): header += bytes(UInt32(4)) + bytes(number)
            }
        }
        var offset = 0
        for tensor in tensors {
            precondition(
                tensor.shape.reduce(1, *) == tensor.values.count,
                "\(tensor.name) \(tensor.shape) has \(tensor.values.count) values")
            header += text(tensor.name) + bytes(UInt32(tensor.shape.count))
            header += tensor.shape.reversed().flatMap { bytes(UInt64($0)) }
            header += bytes(UInt32(0)) + bytes(UInt64(offset))
            offset += padded(tensor.values.count * MemoryLayout<Float>.stride)
        }
        header += padding(header.count)
        try AtomicFile.write(to: path) { writer in
            try writer.write(header)
            for tensor in tensors {
                try tensor.values.withByteSpan { (bytes) throws(DurableFileError) in try writer.write(bytes) }
                try writer.write(padding(tensor.values.count * MemoryLayout<Float>.stride))
            }
        }
    }

    private static func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

    private static func padding(_ count: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: padded(count) - count)
    }

    private static func bytes<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Number($0 * 8)) }
    }

    private static func text(_ value: String) -> [UInt8] {
        bytes(UInt64(value.utf8.count)) + Array(value.utf8)
    }
}
