public import Foundation
import WeightFiles

/// What the files of a base hold, without expanding anything; for `shoal inspect`.
public struct BaseDescription: Sendable {
    /// One tensor as it is stored.
    public struct Tensor: Sendable, Equatable {
        /// Hugging Face's name.
        public let name: String
        /// The name in the file; another one in GGUF.
        public let storedName: String
        /// "F32", "BF16", "Q4_1" …
        public let elementType: String
        public let shape: [Int]
        public let byteCount: Int
    }

    public let path: String
    public let kind: Base.Kind
    /// `model_type` of the configuration.
    public let modelType: String
    /// config.json, or its equivalent for a GGUF file.
    public let configuration: Data
    /// The tensors by name.
    public let tensors: [Tensor]
    /// GGUF metadata, arrays counted and long strings cut; that of the first safetensors file of a directory.
    public let metadata: [(key: String, value: String)]

    /// Elements of all tensors.
    public var parameterCount: Int {
        tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    }

    /// Bytes of all tensors as stored.
    public var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }

    /// Bytes of the tensors by element type, the most first.
    public var byteCountByType: [(elementType: String, byteCount: Int)] {
        var sums: [String: Int] = [:]
        for tensor in tensors { sums[tensor.elementType, default: 0] += tensor.byteCount }
        return sums.map { ($0.key, $0.value) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
    }

    /// Reads the headers of a local base.
    ///
    /// - Throws: ``BaseError`` or `WeightFileError`, naming what is missing or damaged.
    public init(path: String) throws {
        let source = try BaseSource(path: path)
        self.path = source.path
        kind = source.kind
        configuration = source.configuration
        let keys = try JSONDecoder().decode([String: JSONValue].self, from: source.configuration)
        if case .string(let name) = keys["model_type"] { modelType = name } else { modelType = "unknown" }
        tensors = source.tensors.map {
            Tensor(
                name: $0.name, storedName: $0.stored.name, elementType: $0.stored.elementType.rawValue,
                shape: $0.shape, byteCount: $0.stored.byteCount)
        }
        if let file = source.files.first as? GGUFFile {
            metadata = file.keys.map { ($0, file.metadata[$0]?.summary ?? "") }
        } else if let file = source.files.first as? SafetensorsFile {
            metadata = file.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        } else {
            metadata = []
        }
    }
}
