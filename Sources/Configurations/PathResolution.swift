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

    /// `path` below `directory`; where nothing is there but something is below `fallback`, that.
    private static func located(
        _ path: String, in directory: String, otherwise fallback: String, exists: (String) -> Bool
    ) -> String {
        let first = absolute(path, in: directory)
        if exists(first) { return first }
        let second = absolute(path, in: fallback)
        return exists(second) ? second : first
    }

    /// Makes the paths under `keys` (of ``paths``) absolute: below `directory`, or below `fallback` where something
    /// is there alone.
    static func resolve(
        _ keys: Set<String>, of configuration: inout RunConfiguration, in directory: String,
        otherwise fallback: String, exists: (String) -> Bool
    ) {
        func located(_ path: String) -> String {
            Self.located(path, in: directory, otherwise: fallback, exists: exists)
        }
        if keys.contains("base") {
            configuration.base = base(configuration.base, path: located(configuration.base), exists: exists)
        }
        if keys.contains("data.train") {
            configuration.data.train = configuration.data.train.map(located)
        }
        if keys.contains("data.valid") {
            configuration.data.valid = configuration.data.valid.map(located)
        }
        if keys.contains("adapter.init_from") {
            configuration.adapter.initFrom = configuration.adapter.initFrom.map(located)
        }
    }

    private static func base(_ base: String, path: String, exists: (String) -> Bool) -> String {
        if base.isEmpty { return base }
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
