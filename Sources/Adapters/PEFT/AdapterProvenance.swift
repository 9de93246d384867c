public import DurableFiles

/// Which base an adapter was trained on, as recorded in the metadata of its safetensors file.
///
/// PEFT reads only the tensors, so it loads such a file as any other; a file saved again by PEFT has no record.
public struct AdapterProvenance: Sendable, Equatable {
    /// Digest of the base's weights; nil where the file records none, as PEFT's own.
    public var baseDigest: Digest?
    /// Digest of the base the adapter had been trained on before this one, where the user accepted the change.
    public var acceptedBaseDigest: Digest?
    /// The classes of a classifier by number; PEFT has no place for them.
    public var labels: [String] = []

    public init(baseDigest: Digest? = nil, acceptedBaseDigest: Digest? = nil) {
        self.baseDigest = baseDigest
        self.acceptedBaseDigest = acceptedBaseDigest
    }

    /// What the check of an adapter against a base found.
    public enum BaseCheck: Sendable, Equatable {
        /// The recorded base is this one.
        case same
        /// Nothing is recorded; names and shapes have to do.
        case unrecorded
        /// Another base is recorded, and the user accepts that.
        case acceptedDifference(recorded: Digest)
    }

    /// Compares the record with the base at hand.
    ///
    /// - Parameters:
    ///   - adapter: the adapter's directory, for the error.
    ///   - allowsDifferentBase: `--allow-different-base`.
    /// - Throws: ``AdapterError`` with code `.differentBase`.
    public func check(
        against base: Digest, adapter: String, allowsDifferentBase: Bool
    ) throws(AdapterError) -> BaseCheck {
        guard let baseDigest else { return .unrecorded }
        if baseDigest == base { return .same }
        if allowsDifferentBase { return .acceptedDifference(recorded: baseDigest) }
        throw AdapterError(
            code: .differentBase,
            message:
                "\(adapter): this adapter was trained on the base with digest \(baseDigest.hex.prefix(12))…, the"
                + " one given has \(base.hex.prefix(12))…; give its own base, or --allow-different-base if"
                + " architecture and shapes are equal on purpose",
            context: adapter)
    }

    static let baseKey = "shoal_base_digest"
    static let acceptedBaseKey = "shoal_accepted_base_digest"
    /// As in Hugging Face's config.json.
    static let labelsKey = "id2label"

    /// Reads the metadata of a safetensors file; a record that is no digest is none.
    init(metadata: [String: String]) {
        baseDigest = metadata[Self.baseKey].flatMap(Digest.init(hex:))
        acceptedBaseDigest = metadata[Self.acceptedBaseKey].flatMap(Digest.init(hex:))
        labels = metadata[Self.labelsKey].map(Self.labels) ?? []
    }

    /// `format` is what PEFT writes; nothing here depends on the cluster or the time.
    var metadata: [String: String] {
        var metadata = ["format": "pt"]
        metadata[Self.baseKey] = baseDigest?.hex
        metadata[Self.acceptedBaseKey] = acceptedBaseDigest?.hex
        if !labels.isEmpty {
            metadata[Self.labelsKey] =
                JSONValue.object(labels.enumerated().map { .init("\($0.offset)", .string($0.element)) }).text
        }
        return metadata
    }

    /// The names of `{"0": "…", "1": "…" …}`; none of anything else.
    private static func labels(_ text: String) -> [String] {
        guard case .object(let members)? = try? JSONParser.parse(Array(text.utf8), file: labelsKey) else {
            return []
        }
        var names = Array(repeating: String?.none, count: members.count)
        for member in members {
            guard let number = Int(member.key), names.indices.contains(number),
                case .string(let name) = member.value
            else { return [] }
            names[number] = name
        }
        return names.compactMap { $0 }.count == names.count ? names.compactMap { $0 } : []
    }
}
