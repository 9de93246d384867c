import DurableFiles
import Foundation
import WeightFiles

/// The files of a local base, opened and checked but not expanded.
struct BaseSource {
    let path: String
    let kind: Base.Kind
    let configuration: Data
    let tokenizer: TokenizerSource
    let tensors: [SourceTensor]
    let files: [any WeightFile]
    let sourceFiles: [String]

    /// Opens a Hugging Face directory, a .gguf file, or a directory whose only model is one .gguf file.
    init(path: String) throws {
        guard let status = FileStatus(path: path) else {
            throw BaseError(
                .notFound, path,
                "no such file or directory; expected a Hugging Face directory or a .gguf file")
        }
        if status.isDirectory {
            if let single = try BaseSource.onlyGGUF(in: path) {
                try self.init(gguf: single)
            } else {
                try self.init(directory: path)
            }
        } else if GGUFFile.isGGUF(path: path) || path.hasSuffix(".gguf") {
            try self.init(gguf: path)
        } else {
            throw BaseError(
                .invalid, path,
                "neither a directory nor a GGUF file; give the directory that has config.json and the weights"
            )
        }
    }

    private init(gguf path: String) throws {
        let model = try GGUFModel(file: GGUFFile(path: path))
        self.path = path
        kind = .gguf
        configuration = model.configuration
        tokenizer = .gguf(try GGUFTokenizerMetadata(file: model.file))
        tensors = model.tensors
        files = [model.file]
        sourceFiles = [path]
    }

    private init(directory path: String) throws {
        let directory = try HuggingFaceDirectory(path: path)
        self.path = path
        kind = .huggingFaceDirectory
        configuration = directory.configuration
        tokenizer = .directory(path)
        tensors = directory.tensors
        files = directory.weights.shards
        let names = ["config.json", "generation_config.json", ShardedSafetensors.indexFileName]
        sourceFiles =
            (names + TokenizerSource.fileNames).map { path + "/" + $0 }
            .filter { FileManager.default.fileExists(atPath: $0) } + directory.weightPaths
    }

    var weightPaths: [String] { files.map(\.path) }

    /// Digest of the files the weights lie in.
    func fileDigest(_ digests: FileDigests) throws -> Digest {
        var lines: [String] = []
        for path in weightPaths {
            let digest = try digests.digest(purpose: "file 1", paths: [path]) {
                try Digest.sha256(ofFile: path)
            }
            if weightPaths.count == 1 { return digest }
            lines.append("\(URL(fileURLWithPath: path).lastPathComponent) \(digest.hex)\n")
        }
        return Digest.sha256(lines.sorted().joined())
    }

    /// The .gguf file of a directory that has no config.json; nil when it has one.
    private static func onlyGGUF(in directory: String) throws -> String? {
        if FileManager.default.fileExists(atPath: directory + "/config.json") { return nil }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory).filter {
                $0.hasSuffix(".gguf")
            }
        } catch {
            throw BaseError(.invalid, directory, "cannot be listed: \(error.localizedDescription)")
        }
        guard names.count <= 1 else {
            throw BaseError(
                .invalid, directory,
                "has \(names.count) .gguf files (\(names.sorted().joined(separator: ", "))); name one of them"
            )
        }
        return names.first.map { directory + "/" + $0 }
    }
}
