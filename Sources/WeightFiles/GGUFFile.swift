public import Tensors

/// A GGUF file (version 2 or 3, little-endian): metadata, then tensors in ggml's types.
///
/// Source: docs/gguf.md of ggml. Lengths, counts, shapes and offsets are checked against the file before use.
public final class GGUFFile: WeightFile {
    public let tensors: [TensorDescription]
    public let file: MappedFile
    /// 2 or 3.
    public let version: Int
    /// The metadata by key.
    public let metadata: [String: GGUFValue]
    /// The keys in the order of the file.
    public let keys: [String]
    private let indexOfName: [String: Int]

    /// Most dimensions a tensor may have (GGML_MAX_DIMS).
    private static let dimensionLimit = 4

    /// Whether the file starts with GGUF's magic bytes.
    public static func isGGUF(path: String) -> Bool {
        guard let file = try? MappedFile(path: path), file.byteCount >= 4 else { return false }
        return magic(of: file) == 0x4655_4747
    }

    /// Opens and checks `path`.
    ///
    /// - Throws: ``WeightFileError`` with code `.notFound`, `.truncated`, `.malformed`, `.unsupported` or `.io`.
    public init(path: String) throws(WeightFileError) {
        do { file = try MappedFile(path: path) } catch { throw WeightFileError(error) }
        version = try GGUFFile.version(of: file)
        var reader = GGUFReader(file)
        _ = try reader.uint64("magic and version")
        // A tensor's record takes at least 24 bytes, a key and its value at least 13.
        let tensorCount = try reader.count("tensors", minimumByteCount: 24)
        let keyCount = try reader.count("metadata keys", minimumByteCount: 13)
        var metadata: [String: GGUFValue] = [:]
        var keys: [String] = []
        for _ in 0..<keyCount {
            let key = try reader.string("a metadata key")
            let type = try reader.uint32(key)
            let value = try reader.value(type: type, key: key)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw WeightFileError(.malformed, path, "metadata key '\(key)' twice; fetch the file again")
            }
            keys.append(key)
        }
        var records: [Record] = []
        for _ in 0..<tensorCount { records.append(try Record(&reader, path: path)) }
        let alignment = try GGUFFile.alignment(metadata, path: path)
        let dataStart = (reader.position + alignment - 1) / alignment * alignment
        var tensors: [TensorDescription] = []
        for record in records {
            tensors.append(
                try record.description(
                    path: path, alignment: alignment, dataStart: dataStart, end: file.byteCount))
        }
        tensors.sort { ($0.byteOffset, $0.byteCount, $0.name) < ($1.byteOffset, $1.byteCount, $1.name) }
        var indexOfName: [String: Int] = [:]
        for (index, tensor) in tensors.enumerated() {
            guard indexOfName.updateValue(index, forKey: tensor.name) == nil else {
                throw WeightFileError(
                    .malformed, path, tensor: tensor.name, "listed twice; fetch the file again")
            }
            if index > 0, tensors[index - 1].byteRange.upperBound > tensor.byteOffset {
                throw WeightFileError(
                    .malformed, path, tensor: tensor.name,
                    "overlaps tensor '\(tensors[index - 1].name)'; fetch the file again")
            }
        }
        self.tensors = tensors
        self.metadata = metadata
        self.keys = keys
        self.indexOfName = indexOfName
    }

    public func tensor(named name: String) -> TensorDescription? { indexOfName[name].map { tensors[$0] } }

    /// `general.architecture`, e.g. "llama".
    public var architecture: String? { metadata["general.architecture"]?.string }

    private static func magic(of file: MappedFile) -> UInt32 {
        file.withBytes(0..<4) { span in unsafe UInt32(littleEndian: span.unsafeLoadUnaligned(as: UInt32.self))
        }
    }

    private static func version(of file: MappedFile) throws(WeightFileError) -> Int {
        guard file.byteCount >= 8 else {
            throw WeightFileError(
                .truncated, file.path, "\(file.byteCount) bytes are no GGUF file; fetch it again")
        }
        guard magic(of: file) == 0x4655_4747 else {
            throw WeightFileError(.malformed, file.path, "does not start with 'GGUF'; is it a GGUF file?")
        }
        let version = file.withBytes(4..<8) { span in
            unsafe UInt32(littleEndian: span.unsafeLoadUnaligned(as: UInt32.self))
        }
        switch version {
        case 2, 3: return Int(version)
        case 1:
            throw WeightFileError(
                .unsupported, file.path,
                "GGUF version 1; versions 2 and 3 are read: convert it with llama.cpp")
        case _ where (2...3).contains(version.byteSwapped):
            throw WeightFileError(
                .unsupported, file.path, "a big-endian GGUF file; take the little-endian one")
        default:
            throw WeightFileError(
                .unsupported, file.path, "GGUF version \(version); versions 2 and 3 are read")
        }
    }

    private static func alignment(_ metadata: [String: GGUFValue], path: String) throws(WeightFileError)
        -> Int
    {
        guard let value = metadata["general.alignment"] else { return 32 }
        guard let alignment = value.integer, alignment >= 8, alignment <= 1 << 20,
            alignment.nonzeroBitCount == 1
        else {
            throw WeightFileError(
                .malformed, path,
                "general.alignment is \(value.summary), expected a power of two from 8 to 2²⁰; fetch the file again"
            )
        }
        return alignment
    }

    /// A tensor as the header lists it.
    private struct Record {
        let name: String
        let dimensions: [UInt64]
        let type: UInt32
        let offset: UInt64

        init(_ reader: inout GGUFReader, path: String) throws(WeightFileError) {
            name = try reader.string("a tensor's name")
            let count = try reader.uint32(name)
            guard count <= UInt32(GGUFFile.dimensionLimit) else {
                throw WeightFileError(
                    .malformed, path, tensor: name,
                    "has \(count) dimensions, at most \(GGUFFile.dimensionLimit); fetch the file again")
            }
            var dimensions: [UInt64] = []
            for _ in 0..<count { dimensions.append(try reader.uint64(name)) }
            self.dimensions = dimensions
            type = try reader.uint32(name)
            offset = try reader.uint64(name)
        }

        func description(
            path: String, alignment: Int, dataStart: Int, end: Int
        ) throws(WeightFileError) -> TensorDescription {
            guard let elementType = ElementType(ggmlType: type) else {
                let known = ElementType.allCases.filter(\.isExpandable).map(\.rawValue).joined(
                    separator: ", ")
                throw WeightFileError(
                    .unsupported, path, tensor: name,
                    "has type \(ElementType.ggmlTypeName(type)), read are \(known); take a file in one of those"
                )
            }
            let shape = dimensions.reversed().map { Int(clamping: $0) }
            guard let (elementCount, byteCount) = TensorDescription.size(of: shape, as: elementType) else {
                throw WeightFileError(
                    .malformed, path, tensor: name,
                    "\(elementType.rawValue) \(shape) overflows or has rows of broken blocks; fetch the file again"
                )
            }
            guard let offset = Int(exactly: offset), offset % alignment == 0 else {
                throw WeightFileError(
                    .malformed, path, tensor: name,
                    "starts at byte \(self.offset) of the data, expected a multiple of \(alignment);"
                        + " fetch the file again")
            }
            let (first, overflow) = dataStart.addingReportingOverflow(offset)
            guard !overflow, first <= end, byteCount <= end - first else {
                throw WeightFileError(
                    .truncated, path, tensor: name,
                    "takes \(byteCount) bytes at \(offset) of the data, but the file ends at byte \(end);"
                        + " fetch it again")
            }
            return TensorDescription(
                name: name, elementType: elementType, shape: shape, elementCount: elementCount,
                byteOffset: first, byteCount: byteCount)
        }
    }
}
