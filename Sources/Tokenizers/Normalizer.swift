/// Rewrites text before it is split.
enum Normalizer: Sendable {
    /// Unicode's canonical composition, form C.
    case nfc
    /// Puts a text in front of each stretch that is not empty.
    case prepend(String)
    /// Replaces each occurrence of a text.
    case replace(String, with: String)
    /// Replaces each match of a pattern; `description` states it.
    case replaceMatches(RegularExpression, with: String, description: String)
    /// Makes each `▁` the space it stands for.
    case metaSpaces
    /// BERT's cleaning.
    case bert(BertNormalizer)
    /// SentencePiece's table of replacements.
    case precompiled(PrecompiledCharacterMap)

    /// Normalises valid UTF-8.
    ///
    /// - Parameter isAtStart: whether `text` begins where a stretch of the text to encode begins.
    /// - Throws: ``TokenizerError`` with code `.patternFailed`.
    func apply(to text: [UInt8], isAtStart: Bool = true) throws(TokenizerError) -> [UInt8] {
        switch self {
        case .nfc: return CanonicalComposition.shared.compose(text)
        case .prepend(let prefix): return isAtStart && !text.isEmpty ? Array(prefix.utf8) + text : text
        case .replace(let pattern, let replacement):
            return Self.replacing(Array(pattern.utf8), with: Array(replacement.utf8), in: text)
        case .replaceMatches(let pattern, let replacement, _):
            return try Self.replacing(pattern, with: Array(replacement.utf8), in: text)
        case .metaSpaces: return MetaSpace.replacingSymbols(text)
        case .bert(let normalizer): return normalizer.apply(to: text)
        case .precompiled(let map): return map.apply(to: text)
        }
    }

    var description: String {
        switch self {
        case .nfc: "nfc"
        case .prepend(let prefix): "prepend \(prefix)"
        case .replace(let pattern, let replacement):
            "replace \(pattern.utf8.count) \(pattern) with \(replacement)"
        case .replaceMatches(_, let replacement, let description):
            "replace matches \(description.utf8.count) \(description) with \(replacement)"
        case .metaSpaces: "meta spaces"
        case .bert(let normalizer): "\(normalizer)"
        case .precompiled(let map): "precompiled \(map.description)"
        }
    }

    static func replacing(_ pattern: [UInt8], with replacement: [UInt8], in text: [UInt8]) -> [UInt8] {
        guard let first = pattern.first, text.contains(first) else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var position = 0
        while position < text.count {
            if text[position] == first, position + pattern.count <= text.count,
                text[position..<position + pattern.count].elementsEqual(pattern)
            {
                result += replacement
                position += pattern.count
            } else {
                result.append(text[position])
                position += 1
            }
        }
        return result
    }

    private static func replacing(
        _ pattern: RegularExpression, with replacement: [UInt8], in text: [UInt8]
    ) throws(TokenizerError) -> [UInt8] {
        let memory = try MatchMemory()
        var result: [UInt8] = []
        var emitted = 0
        while let match = try pattern.firstMatch(
            in: text, range: text.indices, from: emitted, memory: memory)
        {
            // A pattern that matches nothing would match at every place.
            guard !match.isEmpty else { break }
            result += text[emitted..<match.lowerBound] + replacement
            emitted = match.upperBound
        }
        return result + text[emitted...]
    }
}

extension [Normalizer] {
    /// Applies all, one after the other.
    func apply(to text: [UInt8], isAtStart: Bool = true) throws(TokenizerError) -> [UInt8] {
        var text = text
        for normalizer in self { text = try normalizer.apply(to: text, isAtStart: isAtStart) }
        return text
    }
}
