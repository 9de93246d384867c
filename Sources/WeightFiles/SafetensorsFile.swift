public import Tensors

/// A safetensors file: a header of JSON, then the tensors' bytes.
///
/// Layout: UInt64 length of the header; the header; the data. Every offset, shape and length is checked against
/// the file before anything is made of it: the tensors must cover the data without gap or overlap.
/// Source: huggingface/safetensors, format of version 0.4 and later (limit of 100 MB for the header included).
public final class SafetensorsFile: WeightFile {
    /// The largest header that is read, as upstream.
    public static let headerLimit = 100_000_000

    public let tensors: [TensorDescription]
    /// The strings of `__metadata__`, e.g. "format": "pt".
    public let metadata: [String: String]
    public let file: MappedFile
    private let indexOfName: [String: Int]

    /// Opens and checks `path`.
    ///
    /// - Throws: ``WeightFileError`` with code `.notFound`, `.truncated`, `.malformed`, `.unsupported` or `.io`.
    public init(path: String) throws(WeightFileError) {
        do { file = try MappedFile(path: path) } catch { throw WeightFileError(error) }
        let header = try SafetensorsFile.header(of: file)
        var scanner = JSONScanner(header, path: path)
        let dataStart = 8 + header.count
        let dataCount = file.byteCount - dataStart
        var metadata: [String: String] = [:]
        var sawMetadata = false
        var tensors: [TensorDescription] = []
        var names: Set<String> = []
        try scanner.object { (scanner, name) throws(WeightFileError) in
            if name == "__metadata__" {
                if sawMetadata { throw scanner.failure("'__metadata__' twice") }
                sawMetadata = true
                try scanner.object { (scanner, key) throws(WeightFileError) in
                    if metadata.updateValue(try scanner.string(), forKey: key) != nil {
                        throw scanner.failure("metadata key '\(key)' twice")
                    }
                }
                return
            }
            guard names.insert(name).inserted else {
                throw WeightFileError(.malformed, path, tensor: name, "listed twice; fetch the file again")
            }
            let tensor = try SafetensorsFile.tensor(
                name: name, &scanner, path: path, dataStart: dataStart, dataCount: dataCount)
            tensors.append(tensor)
        }
        try scanner.expectEnd()
        tensors.sort { ($0.byteOffset, $0.byteCount, $0.name) < ($1.byteOffset, $1.byteCount, $1.name) }
        var end = dataStart
        for tensor in tensors {
            guard tensor.byteOffset == end else {
                throw WeightFileError(
                    .malformed, path, tensor: tensor.name,
                    "starts at byte \(tensor.byteOffset - dataStart) of the data, expected \(end - dataStart):"
                        + " \(tensor.byteOffset < end ? "it overlaps another" : "a gap"); fetch the file again"
                )
            }
            end += tensor.byteCount
        }
        guard end == file.byteCount else {
            throw WeightFileError(
                .malformed, path,
                "its tensors take \(end - dataStart) bytes, but \(dataCount) follow the header; fetch it again"
            )
        }
        self.tensors = tensors
        self.metadata = metadata
        indexOfName = Dictionary(
            tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    public func tensor(named name: String) -> TensorDescription? { indexOfName[name].map { tensors[$0] } }

    /// The bytes of the header's JSON.
    private static func header(of file: MappedFile) throws(WeightFileError) -> [UInt8] {
        guard file.byteCount >= 8 else {
            throw WeightFileError(
                .truncated, file.path, "\(file.byteCount) bytes are no safetensors file; fetch it again")
        }
        let length = file.withBytes(0..<8) { span in
            unsafe UInt64(littleEndian: span.unsafeLoadUnaligned(as: UInt64.self))
        }
        guard length <= UInt64(headerLimit) else {
            throw WeightFileError(
                .malformed, file.path,
                "announces a header of \(length) bytes, at most \(headerLimit) are read; is it a safetensors file?"
            )
        }
        guard Int(length) <= file.byteCount - 8 else {
            throw WeightFileError(
                .truncated, file.path,
                "ends at byte \(file.byteCount), its header at \(8 + Int(length)); fetch the file again")
        }
        return file.withBytes(8..<8 + Int(length)) { span in unsafe span.withUnsafeBytes { unsafe Array($0) }
        }
    }

    private static func tensor(
        name: String, _ scanner: inout JSONScanner, path: String, dataStart: Int, dataCount: Int
    ) throws(WeightFileError) -> TensorDescription {
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object { (scanner, key) throws(WeightFileError) in
            switch key {
            case "dtype" where typeName == nil: typeName = try scanner.string()
            case "shape" where shape == nil: shape = try scanner.integers()
            case "data_offsets" where offsets == nil: offsets = try scanner.integers()
            default:
                throw WeightFileError(
                    .malformed, path, tensor: name,
                    "key '\(key)' is unknown or comes twice; fetch the file again")
            }
        }
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw WeightFileError(
                .malformed, path, tensor: name,
                "needs dtype, shape and two data_offsets; fetch the file again")
        }
        guard let elementType = ElementType(rawValue: typeName), elementType.isSafetensorsType else {
            throw WeightFileError(
                .unsupported, path, tensor: name,
                "has dtype '\(typeName)', expected F32, F16, BF16, F64 or an integer type; convert the file")
        }
        let (begin, end) = (offsets[0], offsets[1])
        guard begin <= end, end <= dataCount else {
            throw WeightFileError(
                end > dataCount && begin <= end ? .truncated : .malformed, path, tensor: name,
                "takes bytes \(begin) to \(end) of the data, which has \(dataCount); fetch the file again")
        }
        guard let (elementCount, byteCount) = TensorDescription.size(of: shape, as: elementType),
            byteCount == end - begin
        else {
            throw WeightFileError(
                .malformed, path, tensor: name,
                "\(typeName) \(shape) does not take the \(end - begin) bytes of its data_offsets; fetch the file again"
            )
        }
        return TensorDescription(
            name: name, elementType: elementType, shape: shape, elementCount: elementCount,
            byteOffset: dataStart + begin, byteCount: byteCount)
    }
}
