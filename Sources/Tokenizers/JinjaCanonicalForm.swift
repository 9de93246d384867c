/// A Jinja template reduced to what it does, for comparing templates written differently.
///
/// Two templates of equal form render equally. Ignored are: white space inside tags, which quotes strings have,
/// `a['b']` against `a.b`, comments, white-space control, and how output is divided between text, tags and `+`.
/// Statements are compared word by word; nothing is evaluated.
///
/// Source: Jinja 3.1 (Template Designer Documentation), with `trim_blocks` and `lstrip_blocks` as `transformers` sets.
struct JinjaCanonicalForm: Equatable, Sendable {
    enum Element: Equatable, Sendable {
        /// Text put out as it stands.
        case literal(String)
        /// An expression put out.
        case output(String)
        /// A statement: `for message in messages`.
        case statement(String)
    }

    private(set) var elements: [Element] = []

    /// Reads a template; nil when it is not well formed or uses what is not read here.
    init?(_ template: String) {
        var reader = JinjaReader(template)
        guard let pieces = reader.read() else { return nil }
        for piece in pieces { append(piece) }
        // Some templates begin by setting this to its default, which changes nothing.
        let defaulting: [Element] = [
            .statement("if not add_generation_prompt is defined"),
            .statement("set add_generation_prompt = false"),
            .statement("endif"),
        ]
        if elements.starts(with: defaulting) { elements.removeFirst(defaulting.count) }
    }

    private mutating func append(_ element: Element) {
        guard case .literal(let text) = element else {
            elements.append(element)
            return
        }
        if text.isEmpty { return }
        if case .literal(let before)? = elements.last {
            elements[elements.count - 1] = .literal(before + text)
        } else {
            elements.append(element)
        }
    }

    /// Stands in a pattern for text that may differ.
    static let hole: Character = "\u{FFFC}"

    /// Whether `other` equals this form except for the text at the hole, and that text.
    ///
    /// - Returns: nil when they differ; the text at the hole, or an empty one when this form has none.
    func match(_ other: JinjaCanonicalForm) -> String? {
        guard elements.count == other.elements.count else { return nil }
        var found = ""
        for (pattern, element) in zip(elements, other.elements) where pattern != element {
            guard case .literal(let expected) = pattern, case .literal(let text) = element,
                let hole = expected.firstIndex(of: Self.hole)
            else { return nil }
            let before = expected[..<hole]
            let after = expected[expected.index(after: hole)...]
            guard text.count >= before.count + after.count, text.hasPrefix(before), text.hasSuffix(after)
            else {
                return nil
            }
            found = String(text.dropFirst(before.count).dropLast(after.count))
        }
        return found
    }

    /// A 64-bit hash (FNV-1a) of the form, for recognising long templates without carrying their text.
    var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ kind: UInt8, _ text: String) {
            for byte in [kind] + Array(text.utf8) + [0xFF] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        for element in elements {
            switch element {
            case .literal(let text): mix(1, text)
            case .output(let text): mix(2, text)
            case .statement(let text): mix(3, text)
            }
        }
        return hash
    }
}

/// Divides a template into text and tags.
private struct JinjaReader {
    private let source: [Character]
    private var position = 0
    private var elements: [JinjaCanonicalForm.Element] = []

    init(_ template: String) {
        // Line ends count as one character each; a single one at the very end is dropped.
        var text = template.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        if text.hasSuffix("\n") { text.removeLast() }
        source = Array(text)
    }

    mutating func read() -> [JinjaCanonicalForm.Element]? {
        var text = ""
        var isAtLineStart = true
        while position < source.count {
            guard source[position] == "{", position + 1 < source.count, "{%#".contains(source[position + 1])
            else {
                text.append(source[position])
                position += 1
                continue
            }
            let kind = source[position + 1]
            position += 2
            if peek() == "+" { return nil }
            if peek() == "-" {
                position += 1
                while let last = text.last, last.isWhitespace { text.removeLast() }
            } else if kind != "{" {
                Self.stripLineStart(&text, isAtLineStart: isAtLineStart)
            }
            elements.append(.literal(text))
            text = ""
            guard let stripsAfter = readTag(kind) else { return nil }
            isAtLineStart = false
            if stripsAfter {
                while let next = peek(), next.isWhitespace { position += 1 }
            } else if kind != "{", peek() == "\n" {
                position += 1
                isAtLineStart = true
            }
        }
        elements.append(.literal(text))
        return elements
    }

    private func peek(_ distance: Int = 0) -> Character? {
        position + distance < source.count ? source[position + distance] : nil
    }

    /// Removes the white space before a tag that stands first in its line.
    private static func stripLineStart(_ text: inout String, isAtLineStart: Bool) {
        let line = text.lastIndex(of: "\n").map { text.index(after: $0) } ?? text.startIndex
        guard line > text.startIndex || isAtLineStart, text[line...].allSatisfy(\.isWhitespace) else {
            return
        }
        text.removeSubrange(line...)
    }

    /// Reads a tag up to its end; returns whether that end strips the white space after it, or nil.
    private mutating func readTag(_ kind: Character) -> Bool? {
        if kind == "#" {
            while position + 1 < source.count {
                if source[position] == "#" && source[position + 1] == "}" {
                    let strips = source[position - 1] == "-"
                    position += 2
                    return strips
                }
                position += 1
            }
            return nil
        }
        let close: Character = kind == "{" ? "}" : "%"
        var tokens: [JinjaToken] = []
        while let next = peek() {
            if next.isWhitespace {
                position += 1
            } else if next == close && peek(1) == "}" || next == "-" && peek(1) == close && peek(2) == "}" {
                position += next == "-" ? 3 : 2
                let canonical = JinjaToken.withAttributes(tokens)
                if kind == "%" {
                    elements.append(.statement(canonical.map(\.text).joined(separator: " ")))
                } else {
                    elements += JinjaToken.outputs(canonical)
                }
                return next == "-"
            } else if let token = readToken() {
                tokens.append(token)
            } else {
                return nil
            }
        }
        return nil
    }

    private mutating func readToken() -> JinjaToken? {
        guard let first = peek() else { return nil }
        position += 1
        if first == "'" || first == "\"" { return readString(quote: first) }
        if first.isLetter || first.isNumber || first == "_" {
            var name = String(first)
            while let next = peek(), next.isLetter || next.isNumber || next == "_" {
                name.append(next)
                position += 1
            }
            return .word(name)
        }
        if let second = peek(), ["==", "!=", "<=", ">=", "//", "**"].contains(String([first, second])) {
            position += 1
            return .symbol(String([first, second]))
        }
        return .symbol(String(first))
    }

    private mutating func readString(quote: Character) -> JinjaToken? {
        var text = ""
        while let next = peek() {
            position += 1
            if next == quote { return .string(text) }
            guard next == "\\" else {
                text.append(next)
                continue
            }
            guard let escaped = peek() else { return nil }
            position += 1
            switch escaped {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "r": text.append("\r")
            case "\\", "'", "\"": text.append(escaped)
            default: return nil
            }
        }
        return nil
    }
}

private enum JinjaToken {
    case word(String)
    case string(String)
    case symbol(String)

    var text: String {
        switch self {
        case .word(let text), .symbol(let text): text
        case .string(let text): text.debugDescription
        }
    }

    private func isSymbol(_ symbol: String) -> Bool { if case .symbol(symbol) = self { true } else { false } }

    /// Writes `a['b']` as `a.b`.
    static func withAttributes(_ tokens: [JinjaToken]) -> [JinjaToken] {
        var result: [JinjaToken] = []
        var index = 0
        while index < tokens.count {
            let follows: Bool =
                switch result.last {
                case .word: true
                case .symbol(let symbol): symbol == "]" || symbol == ")"
                default: false
                }
            if follows, index + 2 < tokens.count, tokens[index].isSymbol("["),
                tokens[index + 2].isSymbol("]"),
                case .string(let name) = tokens[index + 1],
                name.first?.isLetter == true, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
            {
                result += [.symbol("."), .word(name)]
                index += 3
            } else {
                result.append(tokens[index])
                index += 1
            }
        }
        return result
    }

    /// Divides an output at its `+` signs, if nothing in it binds less tightly.
    static func outputs(_ tokens: [JinjaToken]) -> [JinjaCanonicalForm.Element] {
        let whole = JinjaCanonicalForm.Element.output(tokens.map(\.text).joined(separator: " "))
        var parts: [[JinjaToken]] = [[]]
        var depth = 0
        for token in tokens {
            switch token {
            case .symbol("("), .symbol("["), .symbol("{"): depth += 1
            case .symbol(")"), .symbol("]"), .symbol("}"): depth -= 1
            case .symbol("+") where depth == 0:
                parts.append([])
                continue
            case .symbol("."), .symbol("|"), .symbol(","): break
            case .symbol where depth == 0: return [whole]
            case .word(let word)
            where depth == 0 && ["if", "else", "and", "or", "not", "is", "in"].contains(word):
                return [whole]
            default: break
            }
            parts[parts.count - 1].append(token)
        }
        if parts.contains(where: \.isEmpty) { return [whole] }
        return parts.map { part in
            if part.count == 1, case .string(let text) = part[0] { return .literal(text) }
            return .output(part.map(\.text).joined(separator: " "))
        }
    }
}
