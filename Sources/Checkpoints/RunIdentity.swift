public import DurableFiles

/// What a run is trained on and with; a resumed run has to have the same.
public struct RunIdentity: Sendable, Equatable, Codable {
    /// Digest of the base's weights.
    public var baseDigest: Digest
    /// Digest of the tokenizer and the chat template.
    public var tokenizerDigest: Digest
    /// Digest of each data file, by its path.
    public var dataDigests: [String: Digest]
    /// The keys of the configuration that a run keeps for its life, with their values.
    public var configuration: [String: String]

    public init(
        baseDigest: Digest, tokenizerDigest: Digest, dataDigests: [String: Digest],
        configuration: [String: String]
    ) {
        self.baseDigest = baseDigest
        self.tokenizerDigest = tokenizerDigest
        self.dataDigests = dataDigests
        self.configuration = configuration
    }

    /// What is other now than what was `recorded`, in a few words each: files and keys by name.
    public func differences(from recorded: RunIdentity) -> [String] {
        Self.difference("base", baseDigest, recorded.baseDigest)
            + Self.difference("tokenizer or chat template", tokenizerDigest, recorded.tokenizerDigest)
            + filesAndKeysDiffering(from: recorded)
    }

    /// ``differences(from:)`` of what can be compared without opening the base: data files and configuration.
    public func filesAndKeysDiffering(from recorded: RunIdentity) -> [String] {
        var result: [String] = []
        for path in Set(dataDigests.keys).union(recorded.dataDigests.keys).sorted() {
            result += Self.difference("data file \(path)", dataDigests[path], recorded.dataDigests[path])
        }
        for key in Set(configuration.keys).union(recorded.configuration.keys).sorted() {
            let (now, then) = (configuration[key] ?? "none", recorded.configuration[key] ?? "none")
            if now != then { result.append("another \(key) (\(then), now \(now))") }
        }
        return result
    }

    private static func difference(_ name: String, _ now: Digest?, _ then: Digest?) -> [String] {
        guard now != then else { return [] }
        func text(_ digest: Digest?) -> String { digest.map { "\($0.hex.prefix(12))…" } ?? "none" }
        return ["another \(name) (digest \(text(then)), now \(text(now)))"]
    }

    /// Compares what is there now with what a checkpoint recorded.
    ///
    /// - Parameters:
    ///   - recorded: from the manifest at `path`.
    /// - Throws: ``CheckpointError`` with code `.differentInputs` that names what differs.
    public func require(equalTo recorded: RunIdentity, path: String) throws(CheckpointError) {
        let differences = differences(from: recorded)
        guard !differences.isEmpty else { return }
        throw CheckpointError(
            code: .differentInputs,
            message: "\(path): was written with \(differences.joined(separator: "; "));"
                + " resume with the files the run began with, or start a new run",
            path: path)
    }

    private enum CodingKeys: String, CodingKey {
        case baseDigest = "base_digest"
        case tokenizerDigest = "tokenizer_digest"
        case dataDigests = "data_digests"
        case configuration
    }
}
