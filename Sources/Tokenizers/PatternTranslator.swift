/// Rewrites a pattern of `tokenizer.json` (Oniguruma, Ruby syntax) as a PCRE2 pattern of the same meaning.
///
/// Only constructs known to mean the same in both are passed on; any other is refused by name. Character classes
/// and properties are written out as ranges (``UnicodeRanges``).
///
/// Source: Oniguruma 6.9.10, doc/RE; Hugging Face `tokenizers` 0.23.3 compiles patterns with its default syntax.
struct PatternTranslator {
    private let source: [Unicode.Scalar]
    private let original: String
    private var position = 0
    private var output = ""
    /// Whether each open group ignores case; the first entry is the pattern itself.
    private var ignoresCase = [false]
    /// The letters last read in a group that ignores case.
    private var caselessRun = ""

    /// Translates `pattern`.
    ///
    /// - Throws: ``TokenizerError`` with code `.unsupported`, naming the construct and the pattern.
    static func translate(_ pattern: String) throws(TokenizerError) -> String {
        var translator = PatternTranslator(pattern)
        try translator.run()
        return translator.output
    }

    private init(_ pattern: String) {
        source = Array(pattern.unicodeScalars)
        original = pattern
    }

    private mutating func run() throws(TokenizerError) {
        while let scalar = peek() {
            switch scalar {
            case "(": try openGroup()
            case ")":
                guard ignoresCase.count > 1 else { throw unsupported("an unmatched )") }
                ignoresCase.removeLast()
                caselessRun = ""
                position += 1
                output += ")"
            case "|", ".":
                caselessRun = ""
                position += 1
                output.unicodeScalars.append(scalar)
            case "*", "+", "?", "{": try quantifier()
            case "[": try characterClass()
            case "\\": try escapeOutsideClass()
            case "^", "$": throw unsupported("the anchor \(scalar)")
            default:
                position += 1
                try literal(scalar)
            }
        }
        guard ignoresCase.count == 1 else { throw unsupported("an unmatched (") }
    }

    private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        position + distance < source.count ? source[position + distance] : nil
    }

    private func unsupported(_ what: String) -> TokenizerError {
        TokenizerError(
            code: .unsupported,
            message: "the pattern \"\(original.prefix(200))\" uses \(what), which is not supported; "
                + "choose a base whose tokenizer splits as GPT-2, Llama 3, Qwen 2 or SmolLM does")
    }

    private mutating func openGroup() throws(TokenizerError) {
        let openings: [(text: String, ignoresCase: Bool?)] = [
            ("(?:", nil), ("(?i:", true), ("(?-i:", false), ("(?=", nil), ("(?!", nil), ("(?<=", nil),
            ("(?<!", nil),
            ("(?>", nil),
        ]
        let rest = String(String.UnicodeScalarView(source[position...].prefix(6)))
        caselessRun = ""
        if let opening = openings.first(where: { rest.hasPrefix($0.text) }) {
            output += opening.text
            position += opening.text.unicodeScalars.count
            ignoresCase.append(opening.ignoresCase ?? ignoresCase[ignoresCase.count - 1])
        } else if peek(1) != "?" && peek(1) != "*" {
            // A group's capture is not looked at; what it matches is the same.
            output += "(?:"
            position += 1
            ignoresCase.append(ignoresCase[ignoresCase.count - 1])
        } else {
            throw unsupported("the group \(rest)")
        }
        guard ignoresCase.count <= 64 else { throw unsupported("more than 64 nested groups") }
    }

    private mutating func quantifier() throws(TokenizerError) {
        caselessRun = ""
        guard let scalar = peek() else { return }
        position += 1
        if scalar != "{" {
            output.unicodeScalars.append(scalar)
            // Lazy and possessive forms mean the same in both syntaxes.
            if let suffix = peek(), suffix == "?" || suffix == "+" {
                output.unicodeScalars.append(suffix)
                position += 1
            }
        } else {
            var body = ""
            while let next = peek(), next != "}", body.count < 12 {
                body.unicodeScalars.append(next)
                position += 1
            }
            let parts = body.split(separator: ",", omittingEmptySubsequences: false)
            let bounds = parts.map { Int($0) }
            guard peek() == "}", parts.count == 1 || parts.count == 2,
                zip(parts, bounds).allSatisfy({ $0.isEmpty || $1 != nil }),
                bounds.contains(where: { $0 != nil }),
                parts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } })
            else { throw unsupported("a { that begins no repetition") }
            position += 1
            let lower = bounds[0] ?? 0
            let upper = bounds.count == 1 ? bounds[0] : bounds[1]
            guard lower <= upper ?? lower, max(lower, upper ?? 0) <= 1000 else {
                throw unsupported("the repetition {\(body)}")
            }
            output += bounds.count == 1 ? "{\(lower)}" : "{\(lower),\(upper.map(String.init) ?? "")}"
            if peek() == "?" && bounds.count == 2 {
                output += "?"
                position += 1
            }
        }
        // In Ruby's syntax a further suffix repeats the repetition; PCRE2 would read it as possessive or lazy.
        if let next = peek(), "*+?{".unicodeScalars.contains(next) {
            throw unsupported("a repetition of a repetition")
        }
    }

    private mutating func literal(_ scalar: Unicode.Scalar) throws(TokenizerError) {
        if ignoresCase[ignoresCase.count - 1] {
            guard scalar.isASCII else { throw unsupported("a letter outside ASCII where case is ignored") }
            // Oniguruma lets ß match "ss", and ligatures their letters, where case is ignored; PCRE2 does not.
            caselessRun = String(caselessRun.suffix(1)) + String(scalar).lowercased()
            if ["ss", "ff", "fi", "fl", "st"].contains(caselessRun) {
                throw unsupported("\"\(caselessRun)\" where case is ignored")
            }
        }
        output += "\\x{" + String(scalar.value, radix: 16) + "}"
    }

    private mutating func escapeOutsideClass() throws(TokenizerError) {
        switch try escape() {
        case .scalar(let scalar): try literal(scalar)
        case .set(let set):
            caselessRun = ""
            output += "[" + set.patternText + "]"
        }
    }

    private enum Escape {
        case scalar(Unicode.Scalar)
        case set(UnicodeRanges)
    }

    /// Reads an escape sequence, which means the same inside and outside a class.
    private mutating func escape() throws(TokenizerError) -> Escape {
        guard let kind = peek(1) else { throw unsupported("a \\ at its end") }
        position += 2
        switch kind {
        case "r": return .scalar("\r")
        case "n": return .scalar("\n")
        case "t": return .scalar("\t")
        case "f": return .scalar("\u{0C}")
        case "v": return .scalar("\u{0B}")
        case "s": return .set(.whitespace)
        case "S": return .set(UnicodeRanges.whitespace.complement)
        case "d": return .set(.decimalNumber)
        case "D": return .set(UnicodeRanges.decimalNumber.complement)
        case "p", "P": return .set(try property(negated: kind == "P"))
        case "x", "u": return .scalar(try codePoint(kind))
        default:
            let isAlphanumeric = kind.properties.isAlphabetic || kind.properties.numericType != nil
            guard kind.isASCII, !isAlphanumeric else { throw unsupported("\\\(kind)") }
            return .scalar(kind)
        }
    }

    private mutating func property(negated: Bool) throws(TokenizerError) -> UnicodeRanges {
        var name = ""
        guard peek() == "{" else { throw unsupported("\\p without braces") }
        position += 1
        while let next = peek(), next != "}", name.count < 40 {
            name.unicodeScalars.append(next)
            position += 1
        }
        guard peek() == "}" else { throw unsupported("\\p{ without its end") }
        position += 1
        let hasCaret = name.hasPrefix("^")
        guard let set = UnicodeRanges.property(named: hasCaret ? String(name.dropFirst()) : name) else {
            throw unsupported("the property \\p{\(name)}")
        }
        return negated != hasCaret ? set.complement : set
    }

    private mutating func codePoint(_ kind: Unicode.Scalar) throws(TokenizerError) -> Unicode.Scalar {
        var digits = ""
        let isBraced = kind == "x" && peek() == "{"
        if isBraced { position += 1 }
        let limit = isBraced ? 8 : kind == "u" ? 4 : 2
        while digits.count < limit, let next = peek(), next.properties.isASCIIHexDigit {
            digits.unicodeScalars.append(next)
            position += 1
        }
        if isBraced {
            guard peek() == "}" else { throw unsupported("\\x{ without its end") }
            position += 1
        } else if digits.count != limit {
            throw unsupported("\\\(kind) without \(limit) digits")
        }
        // Two-digit \x gives a byte, which is a character only in ASCII.
        guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value),
            isBraced || kind == "u" || value < 0x80
        else { throw unsupported("\\\(kind)\(digits)") }
        return scalar
    }

    private mutating func characterClass() throws(TokenizerError) {
        caselessRun = ""
        position += 1
        var isNegated = false
        if peek() == "^" {
            isNegated = true
            position += 1
        }
        var set: [ClosedRange<UInt32>] = []
        var isFirst = true
        while true {
            guard let next = peek() else { throw unsupported("a class without its end") }
            if next == "]" && !isFirst {
                position += 1
                break
            }
            isFirst = false
            switch try classItem(next) {
            case .set(let other): set += other.ranges
            case .scalar(let first):
                guard peek() == "-", let afterHyphen = peek(1), afterHyphen != "]" else {
                    set.append(first.value...first.value)
                    continue
                }
                position += 1
                guard case .scalar(let last) = try classItem(afterHyphen), first.value <= last.value else {
                    throw unsupported("a range that ends in a class or before it begins")
                }
                set.append(first.value...last.value)
            }
        }
        let merged = UnicodeRanges(set)
        if ignoresCase[ignoresCase.count - 1], merged.ranges.contains(where: { $0.upperBound > 0x7F }) {
            throw unsupported("a class beyond ASCII where case is ignored")
        }
        output += (isNegated ? "[^" : "[") + merged.patternText + "]"
    }

    private mutating func classItem(_ next: Unicode.Scalar) throws(TokenizerError) -> Escape {
        switch next {
        case "\\": return try escape()
        case "[": throw unsupported("a class inside a class")
        case "]": throw unsupported("an empty class or an unescaped ] in one")
        case "&" where peek(1) == "&": throw unsupported("an intersection of classes")
        default:
            position += 1
            return .scalar(next)
        }
    }
}
