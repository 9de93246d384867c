public import Configurations

/// One of the things compared: a method, with the keys that are varied.
public struct Variant: Sendable, Equatable, Codable {
    /// What people read: `lora r=8`.
    public let name: String
    /// What is trained.
    public let method: TrainingMethod
    /// Overrides of the configuration, as `section.key=value`.
    public let overrides: [String]

    /// The name as a folder.
    public var folderName: String {
        let mapped = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "=") ? $0 : "-" }
        return String(mapped).split(separator: "-").joined(separator: "-")
    }

    /// Every combination of methods and varied values. A key of `adapter` varies lora alone, one of `partial` partial
    /// alone, any other every method.
    ///
    /// - Parameter vary: the values of `--vary`, `section.key=a,b,c` each.
    /// - Throws: ``ComparisonError`` with code `.usage` for a value that cannot be read, or one that no method has.
    public static func all(methods: [TrainingMethod], vary: [String]) throws(ComparisonError) -> [Variant] {
        guard !methods.isEmpty else { throw ComparisonError(.usage, "--methods names none") }
        let keys = try vary.map { (text) throws(ComparisonError) in try VariedKey(text) }
        for key in keys where !methods.contains(where: { key.varies($0) }) {
            throw ComparisonError(
                .usage, "--vary \(key.name): none of the methods compared has that key; add one to --methods")
        }
        var variants: [Variant] = []
        for method in methods {
            var combinations: [(name: String, overrides: [String])] = [
                (method.rawValue, ["method=\(method.rawValue)"])
            ]
            for key in keys where key.varies(method) {
                combinations = combinations.flatMap { combination in
                    key.values.map { value in
                        (
                            "\(combination.name) \(key.shortName)=\(value)",
                            combination.overrides + ["\(key.name)=\(value)"]
                        )
                    }
                }
            }
            variants += combinations.map { Variant(name: $0.name, method: method, overrides: $0.overrides) }
        }
        var seen: Set<String> = []
        for variant in variants where !seen.insert(variant.folderName).inserted {
            throw ComparisonError(.usage, "'\(variant.name)' is compared with itself; name each value once")
        }
        return variants
    }
}

/// The values of one `--vary`.
private struct VariedKey {
    /// `section.key`, or `base`.
    let name: String
    let values: [String]

    var shortName: String { name.split(separator: ".").last.map(String.init) ?? name }

    func varies(_ method: TrainingMethod) -> Bool {
        if name.hasPrefix("adapter.") || name == "training.loraplus_lr_ratio" { return method == .lora }
        if name.hasPrefix("partial.") { return method == .partial }
        return true
    }

    init(_ text: String) throws(ComparisonError) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw ComparisonError(
                .usage, "--vary '\(text)': expected section.key=a,b,c, as adapter.r=4,8,16")
        }
        name = String(text[..<equals])
        values = Self.parts(of: text[text.index(after: equals)...])
        guard !values.isEmpty, !values.contains("") else {
            throw ComparisonError(.usage, "--vary '\(text)': a value is empty")
        }
        guard name != "method" else {
            throw ComparisonError(.usage, "--vary method: write --methods \(values.joined(separator: ","))")
        }
    }

    /// Splits at commas that stand in no brackets and no quotes.
    private static func parts(of text: Substring) -> [String] {
        var parts = [""]
        var depth = 0
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if "[{(".contains(character) {
                depth += 1
            } else if "]})".contains(character) {
                depth -= 1
            } else if character == ",", depth == 0 {
                parts.append("")
                continue
            }
            parts[parts.count - 1].append(character)
        }
        return parts
    }
}
