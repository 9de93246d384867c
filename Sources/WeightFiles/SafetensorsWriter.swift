public import DurableFiles
public import Tensors

/// Names, types and shapes of a safetensors file that is to be written, and its header.
public struct SafetensorsLayout: Sendable {
    /// One tensor to write.
    public struct Entry: Sendable, Equatable {
        public let name: String
        public let elementType: ElementType
        public let shape: [Int]

        public init(name: String, elementType: ElementType = .float32, shape: [Int]) {
            self.name = name
            self.elementType = elementType
            self.shape = shape
        }

        /// Bytes of the tensor.
        public var byteCount: Int { TensorDescription.size(of: shape, as: elementType)?.byteCount ?? 0 }
    }

    /// The tensors in the order of their bytes: wider types first (so that all are aligned), then by name.
    public let entries: [Entry]
    /// The bytes before the data: length and JSON, padded to a multiple of 8.
    public let header: [UInt8]
    /// Bytes of the whole file.
    public let byteCount: Int

    /// - Throws: ``WeightFileError`` for a name given twice, a shape that overflows or a type safetensors lacks.
    public init(_ entries: [Entry], metadata: [String: String] = [:]) throws(WeightFileError) {
        let sorted = entries.sorted { left, right in
            let (leftWidth, rightWidth) = (left.elementType.blockByteCount, right.elementType.blockByteCount)
            if leftWidth != rightWidth { return leftWidth > rightWidth }
            return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                .map { "\(SafetensorsLayout.quoted($0.key)):\(SafetensorsLayout.quoted($0.value))" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        var names: Set<String> = ["__metadata__"]
        for entry in sorted {
            guard names.insert(entry.name).inserted, entry.elementType.isSafetensorsType,
                let size = TensorDescription.size(of: entry.shape, as: entry.elementType)
            else {
                throw WeightFileError(
                    .malformed, "safetensors to write", tensor: entry.name,
                    "\(entry.elementType.rawValue) \(entry.shape) comes twice or cannot be stored")
            }
            let (end, overflow) = offset.addingReportingOverflow(size.byteCount)
            guard !overflow else {
                throw WeightFileError(
                    .malformed, "safetensors to write", tensor: entry.name, "too large a file")
            }
            let shape = entry.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(SafetensorsLayout.quoted(entry.name)):{\"dtype\":\"\(entry.elementType.rawValue)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var json = Array("{\(members.joined(separator: ","))}".utf8)
        json.append(contentsOf: repeatElement(0x20, count: (8 - json.count % 8) % 8))
        let length = UInt64(json.count)
        header = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + json
        byteCount = header.count + offset
        self.entries = sorted
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Writes safetensors files whose bytes depend on names, shapes, values and metadata alone.
public enum SafetensorsWriter {
    /// A Float32 tensor in memory.
    public struct Tensor: Sendable {
        public let name: String
        public let shape: [Int]
        /// The values in row-major order; as many as `shape` says.
        public let values: Vector

        public init(name: String, shape: [Int], values: Vector) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// Writes `path` atomically, tensor by tensor: `fill` is called for each entry in the layout's order and
    /// must write that entry's bytes.
    ///
    /// - Throws: what `fill` throws, ``WeightFileError`` when it writes another number of bytes, or
    ///   `DurableFileError` when the disk refuses.
    public static func write(
        _ layout: SafetensorsLayout, to path: String,
        fill: (SafetensorsLayout.Entry, DurableFileWriter) throws -> Void
    ) throws {
        try AtomicFile.write(to: path) { writer in
            try writer.write(layout.header)
            for entry in layout.entries {
                let before = writer.count
                try fill(entry, writer)
                guard writer.count - before == entry.byteCount else {
                    throw WeightFileError(
                        .malformed, path, tensor: entry.name,
                        "\(writer.count - before) bytes written, expected \(entry.byteCount)")
                }
            }
        }
    }

    /// Writes Float32 tensors to `path` atomically.
    ///
    /// - Precondition: each tensor has as many values as its shape says.
    public static func write(
        _ tensors: [Tensor], metadata: [String: String] = [:], to path: String
    ) throws {
        let (layout, values) = try prepare(tensors, metadata: metadata)
        try write(layout, to: path) { entry, writer in
            guard let vector = values[entry.name] else { return }
            try vector.withByteSpan { (bytes) throws(DurableFileError) in try writer.write(bytes) }
        }
    }

    /// The bytes of a file of Float32 tensors; for what is small: adapters, messages, tests.
    public static func bytes(
        _ tensors: [Tensor], metadata: [String: String] = [:]
    ) throws(WeightFileError) -> [UInt8] {
        let (layout, values) = try prepare(tensors, metadata: metadata)
        var bytes = layout.header
        bytes.reserveCapacity(layout.byteCount)
        for entry in layout.entries {
            values[entry.name]?.withByteSpan { span in
                unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    private static func prepare(
        _ tensors: [Tensor], metadata: [String: String]
    ) throws(WeightFileError) -> (SafetensorsLayout, [String: Vector]) {
        for tensor in tensors {
            precondition(
                tensor.shape.reduce(1, *) == tensor.values.count,
                "\(tensor.name) \(tensor.shape) has \(tensor.values.count) values")
        }
        let layout = try SafetensorsLayout(
            tensors.map { .init(name: $0.name, shape: $0.shape) }, metadata: metadata)
        return (
            layout, Dictionary(tensors.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
        )
    }
}

extension Vector {
    /// Calls `body` with the little-endian bytes of the elements, as files and wires hold them.
    public func withByteSpan<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe withBytes { (buffer: UnsafeRawBufferPointer) throws(Failure) in
            try unsafe body(buffer.bytes)
        }
    }
}
