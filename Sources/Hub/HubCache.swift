import DurableFiles
import Foundation

/// A repository in a Hugging Face cache: `models--organization--name/{blobs,refs,snapshots}`.
///
/// Source: huggingface_hub's "Understand caching". Blobs are named by their etag; snapshots link to them.
struct HubCache {
    /// The cache of all repositories.
    let root: String
    let reference: HubReference

    private var folder: String { root + "/" + reference.folderName }
    private var referencePath: String { folder + "/refs/" + reference.revision }

    func blobPath(_ etag: String) -> String { folder + "/blobs/" + etag }

    func snapshotPath(commit: String) -> String { folder + "/snapshots/" + commit }

    /// The lock that huggingface_hub takes for the same blob.
    func lockPath(_ etag: String) -> String { "\(root)/.locks/\(reference.folderName)/\(etag).lock" }

    /// The commit that the revision stands for, as far as the cache knows.
    var commit: String? {
        if reference.isCommit { return reference.revision }
        guard let text = try? String(contentsOfFile: referencePath, encoding: .utf8) else { return nil }
        let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return HubReference.isCommit(commit) ? commit : nil
    }

    /// Remembers the commit of the revision.
    func record(commit: String) throws {
        if reference.isCommit { return }
        try AtomicDirectory.createDirectory(
            URL(fileURLWithPath: referencePath).deletingLastPathComponent().path)
        try AtomicFile.write(commit, to: referencePath)
    }

    /// Whether the snapshot has a file whose blob is there.
    func hasFile(_ name: String, commit: String) -> Bool {
        FileManager.default.fileExists(atPath: snapshotPath(commit: commit) + "/" + name)
    }

    /// Links a file of the snapshot to its blob, replacing what was there.
    func link(_ name: String, commit: String, etag: String) throws {
        let snapshot = snapshotPath(commit: commit)
        try AtomicDirectory.createDirectory(snapshot)
        let destination = "../../blobs/" + etag
        let present = try? FileManager.default.destinationOfSymbolicLink(atPath: snapshot + "/" + name)
        if present == destination { return }
        let temporary = "\(snapshot)/.\(name).\(UUID().uuidString)"
        let files = FileManager.default
        try files.createSymbolicLink(atPath: temporary, withDestinationPath: destination)
        // rename(2) by way of Foundation would refuse an existing target.
        try? files.removeItem(atPath: snapshot + "/" + name)
        do {
            try files.moveItem(atPath: temporary, toPath: snapshot + "/" + name)
        } catch {
            try? files.removeItem(atPath: temporary)
            // Another process may have linked it in between.
            guard hasFile(name, commit: commit) else { throw error }
        }
    }

    /// Files of a model that the snapshot lacks; empty when it is whole.
    func missingFiles(commit: String) -> [String] {
        var missing = ["config.json"].filter { !hasFile($0, commit: commit) }
        let tokenizers = ["tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"]
        if !tokenizers.contains(where: { hasFile($0, commit: commit) }) { missing.append("tokenizer.json") }
        if hasFile(HubFiles.single, commit: commit) { return missing }
        guard hasFile(HubFiles.index, commit: commit) else { return missing + [HubFiles.single] }
        let index = try? Data(
            contentsOf: URL(fileURLWithPath: snapshotPath(commit: commit) + "/" + HubFiles.index))
        guard let shards = try? HubFiles.shards(index: index ?? Data(), subject: reference.description) else {
            return missing + [HubFiles.index]
        }
        return missing + shards.filter { !hasFile($0, commit: commit) }
    }
}

/// Which files of a repository make a model.
enum HubFiles {
    static let single = "model.safetensors"
    static let index = "model.safetensors.index.json"

    /// Small files that are taken where the repository has them.
    static let companions = [
        "added_tokens.json", "chat_template.jinja", "chat_template.json", "config.json",
        "generation_config.json", "merges.txt", "special_tokens_map.json", "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json", "vocab.json", "vocab.txt",
    ]

    private struct Index: Decodable {
        let shardOfTensor: [String: String]

        enum CodingKeys: String, CodingKey { case shardOfTensor = "weight_map" }
    }

    /// The names of the shards that an index lists, sorted.
    static func shards(index: Data, subject: String) throws -> [String] {
        guard let map = try? JSONDecoder().decode(Index.self, from: index).shardOfTensor, !map.isEmpty else {
            throw HubError(
                .protocolViolation, subject, "\(self.index) has no weight_map; report it to its authors")
        }
        let names = Set(map.values).sorted()
        for name in names where !isPlainName(name) || !name.hasSuffix(".safetensors") {
            throw HubError(
                .unsupported, subject,
                "\(self.index) names the shard '\(name)', expected a .safetensors file beside it")
        }
        return names
    }

    /// Whether a name from the network is one of a file in the same directory.
    static func isPlainName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 255
            && name.utf8.allSatisfy {
                $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") && $0 != 0x7F
            }
    }
}
