public import DurableFiles
public import Foundation
public import Layers
public import Logging
public import Tensors
import WeightFiles

/// A frozen base model: configuration, tokenizer source, and Float32 tensors under Hugging Face's names, mapped
/// read-only. All processes of a host that open the same base share one copy of its pages.
public final class Base: WeightSource {
    /// What kind of files it lies in.
    public enum Kind: String, Sendable, Codable {
        case huggingFaceDirectory = "Hugging Face directory"
        case gguf = "GGUF"
    }

    /// What the user wrote: a path or a Hub id.
    public let reference: String
    /// The local directory or .gguf file.
    public let path: String
    public let kind: Kind
    /// config.json; made from the metadata for a GGUF file.
    public let configuration: Data
    public let tokenizer: TokenizerSource
    /// Equal for bases that compute the same, however their files lie: SHA-256 of what config.json says of the
    /// architecture and of each tensor's name, shape and Float32 values.
    public let digest: Digest
    /// Equal for equal tokenizers.
    public let tokenizerDigest: Digest
    /// The files to copy where another host lacks this base: paths, configuration and tokenizer included.
    public let sourceFiles: [String]
    private let places: [String: Place]
    private let files: [any WeightFile]

    private struct Place: Sendable {
        let file: any WeightFile
        let tensor: TensorDescription
    }

    /// Opens a local base: a Hugging Face directory or a .gguf file.
    ///
    /// Float32 safetensors are mapped where they lie; anything else is expanded into `cache` first, once per host.
    /// - Throws: ``BaseError``, `WeightFileError` or `DurableFileError`, naming file and tensor.
    public convenience init(
        path: String, cache: CacheStore = .standard(), logger: Logger = Logger(label: "shoal.base")
    ) throws {
        try self.init(reference: path, path: path, cache: cache, logger: logger)
    }

    init(reference: String, path: String, cache: CacheStore, logger: Logger) throws {
        let source = try BaseSource(path: path)
        self.reference = reference
        self.path = source.path
        kind = source.kind
        configuration = source.configuration
        tokenizer = source.tokenizer
        sourceFiles = source.sourceFiles
        let digests = FileDigests(cache: cache)
        let weightsDigest: Digest
        if source.tensors.allSatisfy(\.isMappable) {
            weightsDigest = try digests.digest(purpose: "weights 1", paths: source.weightPaths) {
                try BaseDigest.weights(of: source.tensors)
            }
            places = Dictionary(
                source.tensors.map { ($0.name, Place(file: $0.file, tensor: $0.stored)) },
                uniquingKeysWith: { first, _ in first })
            files = source.files
        } else {
            let expanded = try ExpandedBase(
                of: source.tensors, sourceDigest: try source.fileDigest(digests), source: source.path,
                cache: cache, logger: logger)
            weightsDigest = expanded.weightsDigest
            places = Dictionary(
                expanded.file.tensors.map { ($0.name, Place(file: expanded.file, tensor: $0)) },
                uniquingKeysWith: { first, _ in first })
            files = [expanded.file]
        }
        digest = try BaseDigest.base(
            configuration: source.configuration, weights: weightsDigest, path: source.path)
        tokenizerDigest = try source.tokenizer.digest()
        // A file cut while its digest was taken gave zeros.
        try checkIntact()
    }

    /// Names of all tensors, sorted.
    public var tensorNames: [String] { places.keys.sorted() }

    /// Shape of a tensor, outermost dimension first; nil when there is none of that name.
    public func shape(ofTensor name: String) -> [Int]? { places[name]?.tensor.shape }

    /// Elements of all tensors; a tied head counts once.
    public var parameterCount: Int { places.values.reduce(0) { $0 + $1.tensor.elementCount } }

    /// The Float32 file or files that are mapped.
    public var mappedFiles: [String] { files.map(\.path) }

    public func hasTensor(named name: String) -> Bool { places[name] != nil }

    public func tensor(named name: String, shape: [Int]) throws -> Vector {
        guard let place = places[name] else {
            throw WeightFileError(
                code: .missingTensor,
                message: "\(path): tensor '\(name)': missing, the configuration needs it with shape \(shape);"
                    + " is this the checkpoint for this config.json?", path: path, tensor: name)
        }
        guard place.tensor.shape == shape else {
            throw WeightFileError(
                code: .mismatch,
                message:
                    "\(path): tensor '\(name)': has shape \(place.tensor.shapeText), the configuration says"
                    + " \(shape); is this the checkpoint for this config.json?", path: path, tensor: name)
        }
        return Vector(try place.file.floats(of: place.tensor))
    }

    /// Throws `WeightFileError` with code `.changed` when a mapped file was truncated or written since.
    public func checkIntact() throws {
        for file in files { try file.checkIntact() }
    }
}
