import Foundation

/// Makes the paths of a configuration absolute, so that it means the same from any folder.
enum PathResolution {
    /// The keys that hold paths.
    static let paths: Set<String> = ["base", "data.train", "data.valid", "adapter.init_from"]

    /// `path` itself when it is absolute (`~/` counts), else below `directory`; `.` and `..` are folded.
    static func absolute(_ path: String, in directory: String) -> String {
        let expanded = path.hasPrefix("~/") ? NSHomeDirectory() + path.dropFirst(1) : path
        let joined = expanded.hasPrefix("/") ? expanded : directory + "/" + expanded
        var parts: [Substring] = []
        for part in joined.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// Makes the paths under `keys` (of ``paths``) absolute.
    static func resolve(
        _ keys: Set<String>, of configuration: inout RunConfiguration, in directory: String,
        exists: (String) -> Bool
    ) {
        if keys.contains("base") {
            configuration.base = base(configuration.base, in: directory, exists: exists)
        }
        if keys.contains("data.train") {
            configuration.data.train = configuration.data.train.map { absolute($0, in: directory) }
        }
        if keys.contains("data.valid") {
            configuration.data.valid = configuration.data.valid.map { absolute($0, in: directory) }
        }
        if keys.contains("adapter.init_from") {
            configuration.adapter.initFrom = configuration.adapter.initFrom.map {
                absolute($0, in: directory)
            }
        }
    }

    private static func base(_ base: String, in directory: String, exists: (String) -> Bool) -> String {
        if base.isEmpty { return base }
        let path = absolute(base, in: directory)
        return RunConfiguration.isHubIdentifier(base) && !exists(path) ? base : path
    }
}

extension RunConfiguration {
    /// Whether `text` has the form of a Hub id, `org/name` or `org/name@revision`.
    ///
    /// - Source: the Hub's rule for names: letters, digits, `-`, `_`, `.`, not starting with `-` or `.`.
    public static func isHubIdentifier(_ text: String) -> Bool {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let names = (parts.first ?? "").split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2, parts.count < 2 || !parts[1].isEmpty, !text.hasSuffix(".gguf") else {
            return false
        }
        return names.allSatisfy { name in
            guard let first = name.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: ".") else {
                return false
            }
            return name.utf8.count <= 96 && name.unicodeScalars.allSatisfy { isHubScalar($0) }
        }
    }

    private static func isHubScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": true
        default: false
        }
    }
}
