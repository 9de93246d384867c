/// A model on the Hub: `organization/name`, optionally `@revision`.
public struct HubReference: Sendable, Hashable, CustomStringConvertible {
    /// "organization/name"
    public let repository: String
    /// A branch, a tag or a commit; "main" where none was given.
    public let revision: String

    /// Reads `organization/name[@revision]`; nil for anything else, such as a path.
    public init?(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        let names = parts[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard names.count == 2, names.allSatisfy(HubReference.isName) else { return nil }
        let revision = parts.count > 1 ? parts[1] : "main"
        guard HubReference.isRevision(revision) else { return nil }
        repository = parts[0]
        self.revision = revision
    }

    public var description: String { revision == "main" ? repository : "\(repository)@\(revision)" }

    /// The folder of the repository in a Hugging Face cache: "models--organization--name".
    var folderName: String { "models--" + repository.split(separator: "/").joined(separator: "--") }

    /// Whether the revision is a full commit hash, which never changes its content.
    var isCommit: Bool { HubReference.isCommit(revision) }

    static func isCommit(_ text: String) -> Bool {
        text.utf8.count == 40 && text.utf8.allSatisfy(isHexadecimalDigit)
    }

    static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": true
        default: false
        }
    }

    /// The Hub's rule for names; it also keeps ".." out of paths.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 96 && text.unicodeScalars.allSatisfy(isNameCharacter)
            && !text.hasPrefix(".") && !text.hasSuffix(".") && !text.contains("..") && !text.contains("--")
    }

    /// Branches may have slashes: refs/pr/1.
    private static func isRevision(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 200
            && parts.allSatisfy { part in
                !part.isEmpty && part.unicodeScalars.allSatisfy(isNameCharacter) && !part.hasPrefix(".")
                    && !part.contains("..")
            }
    }
}
