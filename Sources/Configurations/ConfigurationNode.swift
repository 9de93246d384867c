import Yams

/// A piece of a configuration file with its line: what Yams parsed, without anchors, tags or marks.
package struct ConfigurationNode: Sendable, Equatable {
    /// What it holds.
    package indirect enum Content: Sendable, Equatable {
        /// Text; `quoted` when it stood in quotes and so is never a number, a boolean or null.
        case scalar(String, quoted: Bool)
        /// A list.
        case sequence([ConfigurationNode])
        /// Keys and values in the order of the file.
        case mapping([Entry])
    }

    /// A key and its value.
    package struct Entry: Sendable, Equatable {
        /// The key.
        package var key: String
        /// The key's line, from 1.
        package var line: Int
        /// The value.
        package var value: ConfigurationNode
    }

    /// What it holds.
    package var content: Content
    /// Its line, from 1.
    package var line: Int

    package init(_ content: Content, line: Int) {
        self.content = content
        self.line = line
    }

    /// Whether it is `null`, `~` or nothing.
    package var isNull: Bool {
        guard case .scalar(let text, quoted: false) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// A short description of what it is, for "found …".
    package var summary: String {
        switch content {
        case .scalar(let text, let quoted):
            if isNull { return "nothing" }
            let short = text.count > 60 ? text.prefix(57) + "…" : text[...]
            return quoted ? "the text \"\(short)\"" : "`\(short)`"
        case .sequence(let items): return "a list of \(items.count)"
        case .mapping(let entries):
            return entries.isEmpty ? "an empty section" : "a section (`\(entries[0].key): …`)"
        }
    }

    /// The value as it would be written in a flow (`{}`/`[]`) on one line.
    package var flow: String {
        switch content {
        case .scalar(let text, let quoted): quoted ? YAMLText.quoted(text) : text
        case .sequence(let items): "[" + items.map(\.flow).joined(separator: ", ") + "]"
        case .mapping(let entries):
            "{" + entries.map { "\($0.key): \($0.value.flow)" }.joined(separator: ", ") + "}"
        }
    }
}

extension ConfigurationNode {
    /// Deepest nesting a configuration has any use for.
    private static let maximumDepth = 32
    /// Largest file that is still a configuration, in bytes.
    private static let maximumByteCount = 1 << 20

    /// Parses one YAML document.
    ///
    /// Anchors, aliases and tags are refused: a configuration needs none, and aliases can unfold to any volume.
    ///
    /// - Throws: ``ConfigurationError`` with code `.malformed` or `.duplicateKey` and the line.
    package static func parse(_ text: String, source: String) throws(ConfigurationError) -> ConfigurationNode
    {
        // A byte-order mark is no part of the text; editors of Windows leave one.
        let text = String(
            text.unicodeScalars.first == "\u{FEFF}"
                ? text.unicodeScalars.dropFirst() : text.unicodeScalars[...])
        try checkBeforeParsing(text, source: source)
        let root: Node?
        do {
            // The parser owns the anchors that nodes refer to weakly, so it outlives the conversion.
            let parser = try Parser(yaml: text, encoding: .utf8)
            root = try parser.singleRoot()
            guard let root else { return ConfigurationNode(.mapping([]), line: 1) }
            let node = try withExtendedLifetime(parser) { try convert(root, source: source, depth: 0) }
            return node
        } catch let error as ConfigurationError {
            throw error
        } catch let error as YamlError {
            throw translate(error, source: source)
        } catch {
            throw ConfigurationError(.malformed, source: source, "not YAML: \(error)")
        }
    }

    /// Refuses what would cost the parser itself unbounded time or stack.
    private static func checkBeforeParsing(_ text: String, source: String) throws(ConfigurationError) {
        guard text.utf8.count <= maximumByteCount else {
            throw ConfigurationError(
                .malformed, source: source,
                "\(text.utf8.count) bytes; a configuration has at most \(maximumByteCount). Is this the right file?"
            )
        }
        var anchors: Set<Substring> = []
        var aliases: [Substring: Int] = [:]
        var openBrackets = 0
        // Not `split`, which would count "\r\n" as one character and so as no separator.
        for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            var markers = 0
            var inWord = false
            var previous = UInt8(ascii: " ")
            for position in line.indices {
                let byte = line[position]
                switch byte {
                case UInt8(ascii: "["), UInt8(ascii: "{"): openBrackets += 1
                case UInt8(ascii: "]"), UInt8(ascii: "}"): openBrackets = max(0, openBrackets - 1)
                case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): if !inWord { markers += 1 }
                case UInt8(ascii: "&"), UInt8(ascii: "*"):
                    guard " \t[{,:-?!".utf8.contains(previous) || inWord == false else { break }
                    let name = Substring(line[line.index(after: position)...].prefix { isNameByte($0) })
                    if name.isEmpty { break }
                    if byte == UInt8(ascii: "&") { anchors.insert(name) } else { aliases[name] = index + 1 }
                default: break
                }
                inWord = !" \t-?:[{,".utf8.contains(byte)
                previous = byte
            }
            guard openBrackets <= maximumDepth * 4, markers <= maximumDepth * 4 else {
                throw ConfigurationError(
                    .malformed, source: source, line: index + 1,
                    "nested deeper than \(maximumDepth) levels; a configuration has sections and lists only")
            }
        }
        if let line = aliases.filter({ anchors.contains($0.key) }).values.min() {
            throw ConfigurationError(
                .malformed, source: source, line: line,
                "a YAML alias (`*name`); write the value out, and put text that starts with `*` or `&` in quotes"
            )
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func convert(_ node: Node, source: String, depth: Int) throws(ConfigurationError)
        -> ConfigurationNode
    {
        let line = node.mark?.line ?? 1
        guard node.anchor == nil else {
            throw ConfigurationError(
                .malformed, source: source, line: line,
                "a YAML anchor (`&name`); write the value out, and put text that starts with `&` in quotes")
        }
        guard depth <= maximumDepth else {
            throw ConfigurationError(
                .malformed, source: source, line: line,
                "nested deeper than \(maximumDepth) levels; a configuration has sections and lists only")
        }
        switch node {
        case .scalar(let scalar):
            let plain = scalar.style == .plain || scalar.style == .any
            return ConfigurationNode(.scalar(scalar.string, quoted: !plain), line: line)
        case .sequence(let sequence):
            var items: [ConfigurationNode] = []
            for item in sequence {
                items.append(try convert(item, source: source, depth: depth + 1))
            }
            return ConfigurationNode(.sequence(items), line: line)
        case .mapping(let mapping):
            var entries: [Entry] = []
            var seen: Set<String> = []
            for (key, value) in mapping {
                let keyLine = key.mark?.line ?? line
                guard case .scalar(let scalar) = key, key.anchor == nil else {
                    throw ConfigurationError(
                        .malformed, source: source, line: keyLine, "a key that is not plain text")
                }
                guard seen.insert(scalar.string).inserted else {
                    throw ConfigurationError(
                        .duplicateKey, source: source, line: keyLine, key: scalar.string,
                        "`\(scalar.string)` stands here a second time; keep one of them")
                }
                let converted = try convert(value, source: source, depth: depth + 1)
                entries.append(Entry(key: scalar.string, line: keyLine, value: converted))
            }
            return ConfigurationNode(.mapping(entries), line: line)
        case .alias:
            throw ConfigurationError(
                .malformed, source: source, line: line, "a YAML alias (`*name`); write the value out")
        }
    }

    private static func translate(_ error: YamlError, source: String) -> ConfigurationError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ConfigurationError(
                .malformed, source: source, line: mark.line,
                "not YAML: \(problem) (column \(mark.column)); keys are `name: value`, sections are indented")
        case .duplicatedKeysInMapping(let duplicates, let context):
            ConfigurationError(
                .duplicateKey, source: source, line: context.mark.line, key: duplicates.first,
                "`\(duplicates.first ?? "")` stands here more than once; keep one of them")
        case .reader(let problem, let offset, _, _):
            ConfigurationError(
                .malformed, source: source,
                "not YAML: \(problem)\(offset.map { " at character \($0)" } ?? "")")
        default:
            ConfigurationError(.malformed, source: source, "not YAML: \(error)")
        }
    }
}
