public import DurableFiles
import Foundation

/// `manifest.json`: which files a checkpoint consists of, and what it belongs to. Without a valid one there is no
/// checkpoint.
public struct CheckpointManifest: Sendable, Equatable, Codable {
    /// One file of the checkpoint.
    public struct File: Sendable, Equatable, Codable {
        public var sha256: Digest
        /// Length in bytes.
        public var bytes: Int
    }

    /// The format this version writes and reads.
    public static let currentFormatVersion = 2
    /// Name of the file.
    public static let fileName = "manifest.json"

    /// Raised whenever older versions could misread a checkpoint.
    public var formatVersion: Int
    /// The program that wrote it.
    public var shoalVersion: String
    /// Optimizer steps taken.
    public var step: Int
    /// Base, tokenizer and data of the run.
    public var identity: RunIdentity
    /// The files by name.
    public var files: [String: File]

    /// Describes all files that are in `directory`.
    static func describe(
        _ directory: String, step: Int, identity: RunIdentity, shoalVersion: String
    ) throws -> CheckpointManifest {
        var files: [String: File] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            let path = directory + "/" + name
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            files[name] = File(
                sha256: try Digest.sha256(ofFile: path), bytes: (attributes[.size] as? Int) ?? 0)
        }
        return CheckpointManifest(
            formatVersion: currentFormatVersion, shoalVersion: shoalVersion, step: step, identity: identity,
            files: files)
    }

    /// Reads the manifest in `directory` and compares every file with it.
    ///
    /// - Throws: ``CheckpointError`` with code `.invalidCheckpoint` that says what is wrong, or
    ///   `.unsupportedVersion` that names both versions.
    public static func verified(in directory: String) throws -> CheckpointManifest {
        let path = directory + "/" + fileName
        func invalid(_ problem: String) -> CheckpointError {
            CheckpointError(code: .invalidCheckpoint, message: "\(directory): \(problem)", path: directory)
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw invalid("has no \(fileName)")
        }
        struct Head: Decodable {
            let formatVersion: Int
            let shoalVersion: String
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let head = try? decoder.decode(Head.self, from: data) else {
            throw invalid("\(fileName) is not readable")
        }
        guard head.formatVersion == currentFormatVersion else {
            throw CheckpointError(
                code: .unsupportedVersion,
                message: "\(directory): written by Shoal \(head.shoalVersion) in checkpoint format"
                    + " \(head.formatVersion); this version reads format \(currentFormatVersion). Resume with Shoal"
                    + " \(head.shoalVersion)",
                path: directory)
        }
        let manifest: CheckpointManifest
        do {
            manifest = try JSONDecoder().decode(CheckpointManifest.self, from: data)
        } catch {
            throw invalid("\(fileName) is not readable: \(error)")
        }
        for (name, file) in manifest.files.sorted(by: { $0.key < $1.key }) {
            // The names are joined to a path, so they may not lead elsewhere.
            guard !name.contains("/"), name != "..", name != "." else { throw invalid("lists '\(name)'") }
            let attributes = try? FileManager.default.attributesOfItem(atPath: directory + "/" + name)
            guard let size = attributes?[.size] as? Int else { throw invalid("\(name) is missing") }
            guard size == file.bytes else {
                throw invalid("\(name) has \(size) bytes, expected \(file.bytes)")
            }
            guard try Digest.sha256(ofFile: directory + "/" + name) == file.sha256 else {
                throw invalid("\(name) has other bytes than when it was written")
            }
        }
        return manifest
    }

    private enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case shoalVersion = "shoal_version"
        case step, identity, files
    }
}

/// The text of a small JSON file: sorted keys, one a line, the same bytes for the same values.
func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
}
