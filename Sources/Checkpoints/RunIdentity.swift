public import DurableFiles

/// What a run is trained on and with; a resumed run has to have the same.
public struct RunIdentity: Sendable, Equatable, Codable {
    /// Digest of the base's weights.
    public var baseDigest: Digest
    /// Digest of the tokenizer and the chat template.
    public var tokenizerDigest: Digest
    /// Digest of the data and of what decides how it becomes sequences.
    public var dataDigest: Digest

    public init(baseDigest: Digest, tokenizerDigest: Digest, dataDigest: Digest) {
        self.baseDigest = baseDigest
        self.tokenizerDigest = tokenizerDigest
        self.dataDigest = dataDigest
    }

    /// Compares what is there now with what a checkpoint recorded.
    ///
    /// - Parameters:
    ///   - recorded: from the manifest at `path`.
    /// - Throws: ``CheckpointError`` with code `.differentInputs` that names what differs.
    public func require(equalTo recorded: RunIdentity, path: String) throws(CheckpointError) {
        let pairs = [
            ("base", baseDigest, recorded.baseDigest),
            ("tokenizer or chat template", tokenizerDigest, recorded.tokenizerDigest),
            ("data", dataDigest, recorded.dataDigest),
        ]
        for (name, own, other) in pairs where own != other {
            throw CheckpointError(
                code: .differentInputs,
                message: "\(path): was written with another \(name) (digest \(other.hex.prefix(12))…, now"
                    + " \(own.hex.prefix(12))…); resume with the files the run began with, or start a new run",
                path: path)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case baseDigest = "base_digest"
        case tokenizerDigest = "tokenizer_digest"
        case dataDigest = "data_digest"
    }
}
