import Foundation

/// The members `normalizer`, `pre_tokenizer` and `decoder`: what happens to text before and after.
extension TokenizerJSONReader {
    mutating func readNormalizer(_ value: JSONValue) throws(TokenizerError) {
        var normalizer = try JSONObjectReader(value, context: "\(fileName): normalizer")
        let type = try normalizer.takeRequiredString("type")
        guard !parts.usesMetaSpaces || type == "Sequence" || type == "Replace" else {
            throw normalizer.unsupported("the normalizer \"\(type)\" after spaces were replaced")
        }
        switch type {
        case "NFC": parts.normalizers.append(.nfc)
        case "Sequence":
            for step in try normalizer.takeArray("normalizers") ?? [] { try readNormalizer(step) }
        case "Prepend":
            let prefix = try normalizer.takeRequiredString("prepend")
            prependsMetaSpace = prependsMetaSpace || prefix == MetaSpace.symbol
            parts.normalizers.append(.prepend(prefix))
        case "Replace": try readReplacement(&normalizer)
        case "BertNormalizer":
            var bert = BertNormalizer()
            bert.cleansText = try normalizer.takeBool("clean_text", default: true)
            bert.setsIdeographsApart = try normalizer.takeBool("handle_chinese_chars", default: true)
            bert.lowercases = try normalizer.takeBool("lowercase", default: true)
            bert.stripsAccents = try normalizer.takeBool("strip_accents", default: bert.lowercases)
            parts.normalizers.append(.bert(bert))
        case "Precompiled":
            let text = try normalizer.takeString("precompiled_charsmap") ?? ""
            if text.isEmpty { break }
            guard let map = Data(base64Encoded: text) else {
                throw normalizer.wrong("precompiled_charsmap", "base64", .string(text))
            }
            parts.normalizers.append(.precompiled(try PrecompiledCharacterMap(Array(map))))
        default: throw normalizer.unsupported("the normalizer \"\(type)\"")
        }
        try normalizer.finish()
    }

    private mutating func readReplacement(_ normalizer: inout JSONObjectReader) throws(TokenizerError) {
        let content = try normalizer.takeRequiredString("content")
        var pattern = try JSONObjectReader(
            normalizer.take("pattern") ?? .null, context: "\(normalizer.context): pattern")
        let regex = try pattern.takeString("Regex")
        let literal = try pattern.takeString("String") ?? ""
        if regex == nil, literal == " ", content == MetaSpace.symbol {
            parts.usesMetaSpaces = true
        } else {
            guard !parts.usesMetaSpaces, regex != nil || !literal.isEmpty else {
                throw normalizer.unsupported("a Replace of \"\(regex ?? literal)\" there")
            }
            if let regex {
                parts.normalizers.append(
                    .replaceMatches(
                        try RegularExpression(try PatternTranslator.translate(regex)), with: content,
                        description: regex))
            } else {
                parts.normalizers.append(.replace(literal, with: content))
            }
        }
        try pattern.finish()
    }

    /// Reads how text is split. ByteLevel must come last: what follows it would see bytes' characters.
    mutating func readPreTokenizerStep(_ value: JSONValue) throws(TokenizerError) {
        var step = try JSONObjectReader(value, context: "\(fileName): pre_tokenizer")
        let type = try step.takeRequiredString("type")
        guard !isByteLevel else { throw step.unsupported("the pre_tokenizer \"\(type)\" after ByteLevel") }
        guard !isMetaSpaced else { throw step.unsupported("the pre_tokenizer \"\(type)\" after Metaspace") }
        guard !parts.usesMetaSpaces || type == "Sequence" || type == "Split" || type == "Metaspace" else {
            throw step.unsupported("the pre_tokenizer \"\(type)\" after spaces were replaced")
        }
        switch type {
        case "Sequence":
            for inner in try step.takeArray("pretokenizers") ?? [] { try readPreTokenizerStep(inner) }
        case "ByteLevel":
            _ = step.take("trim_offsets")
            if try step.takeBool("add_prefix_space", default: true) {
                parts.preTokenizerSteps.append(.prefixSpace(onlyFirst: false))
            }
            if try step.takeBool("use_regex", default: true) {
                parts.preTokenizerSteps.append(
                    try .split(onigurumaPattern: PreTokenizer.gpt2Pattern, behavior: .isolated))
            }
            isByteLevel = true
        case "Digits":
            parts.preTokenizerSteps.append(
                try .digits(individually: try step.takeBool("individual_digits", default: false)))
        case "BertPreTokenizer":
            parts.preTokenizerSteps += [try .atWhitespace(), try .atPunctuation()]
        case "WhitespaceSplit":
            parts.preTokenizerSteps.append(try .atWhitespace())
            splitsAtWhitespace = true
        case "Metaspace": try readMetaSpace(&step)
        case "Split": try readSplit(&step)
        default: throw step.unsupported("the pre_tokenizer \"\(type)\"")
        }
        try step.finish()
    }

    private mutating func readMetaSpace(_ step: inout JSONObjectReader) throws(TokenizerError) {
        let scheme = try readPrependScheme(&step)
        // A `▁` in the text is no white space to split at, so it becomes one only behind such a split.
        if splitsAtWhitespace { parts.preTokenizerSteps.append(.metaSpaces) }
        switch scheme {
        case "always": parts.preTokenizerSteps.append(.prefixSpace(onlyFirst: false))
        case "first": parts.preTokenizerSteps.append(.prefixSpace(onlyFirst: true))
        default: break
        }
        if try step.takeBool("split", default: true) {
            parts.preTokenizerSteps.append(
                try .split(literal: " ", behavior: .mergedWithNext, isInverted: false))
        }
        parts.usesMetaSpaces = true
        isMetaSpaced = true
    }

    private func readPrependScheme(_ part: inout JSONObjectReader) throws(TokenizerError) -> String {
        guard try part.takeString("replacement") ?? MetaSpace.symbol == MetaSpace.symbol else {
            throw part.unsupported("a replacement other than \(MetaSpace.symbol)")
        }
        _ = part.take("str_rep")
        let addsPrefix = try part.takeBool("add_prefix_space", default: true)
        let scheme = try part.takeString("prepend_scheme") ?? (addsPrefix ? "always" : "never")
        guard ["always", "first", "never"].contains(scheme) else {
            throw part.unsupported("the prepend_scheme \"\(scheme)\"")
        }
        return scheme
    }

    private mutating func readSplit(_ step: inout JSONObjectReader) throws(TokenizerError) {
        let name = try step.takeRequiredString("behavior")
        guard let behavior = PreTokenizer.SplitBehavior(rawValue: name) else {
            throw step.unsupported("the behavior \"\(name)\" of a Split")
        }
        let isInverted = try step.takeBool("invert", default: false)
        var pattern = try JSONObjectReader(
            step.take("pattern") ?? .null, context: "\(step.context): pattern")
        if let regex = try pattern.takeString("Regex") {
            guard !parts.usesMetaSpaces else {
                throw step.unsupported("a pattern after spaces were replaced")
            }
            parts.preTokenizerSteps.append(
                try .split(onigurumaPattern: regex, behavior: behavior, isInverted: isInverted))
        } else {
            let literal = try pattern.takeRequiredString("String")
            // Where spaces were replaced, one in a pattern matches nothing and `▁` is one.
            let matchesNothing = parts.usesMetaSpaces && literal.utf8.contains(MetaSpace.space)
            guard !(matchesNothing && isInverted) else {
                throw step.unsupported("an inverted Split at spaces after they were replaced")
            }
            if !matchesNothing {
                parts.preTokenizerSteps.append(
                    try .split(
                        literal: parts.usesMetaSpaces ? MetaSpace.replacingSymbols(literal) : literal,
                        behavior: behavior, isInverted: isInverted))
            }
        }
        try pattern.finish()
    }

    /// Reads how tokens become text: ByteLevel, WordPiece, Metaspace, or what SentencePiece's vocabularies have.
    mutating func readDecoder(_ value: JSONValue) throws(TokenizerError) {
        var decoder = try JSONObjectReader(value, context: "\(fileName): decoder")
        let type = try decoder.takeRequiredString("type")
        guard isByteLevel == (type == "ByteLevel") else {
            throw decoder.unsupported(
                isByteLevel
                    ? "the decoder \"\(type)\"" : "the decoder \"ByteLevel\" without its pre_tokenizer")
        }
        switch type {
        case "ByteLevel":
            for key in ["add_prefix_space", "trim_offsets", "use_regex"] { _ = decoder.take(key) }
        case "WordPiece":
            parts.decodingRule = .words(
                prefix: try decoder.takeString("prefix") ?? "##",
                cleansUp: try decoder.takeBool("cleanup", default: true))
        case "Metaspace":
            parts.decodingRule = .pieces(
                .init(start: try readMetaSpaceStart(&decoder), invalidBytes: .noBytes))
        case "Sequence": try readDecoders(try decoder.takeArray("decoders") ?? [])
        default: throw decoder.unsupported("the decoder \"\(type)\"")
        }
        try decoder.finish()
    }

    private func readMetaSpaceStart(
        _ decoder: inout JSONObjectReader
    ) throws(TokenizerError) -> DecodingRule.PieceRule.Start {
        _ = decoder.take("split")
        return try readPrependScheme(&decoder) == "never" ? .kept : .withoutSpacesInFirstToken
    }

    private mutating func readDecoders(_ values: [JSONValue]) throws(TokenizerError) {
        var rule = DecodingRule.PieceRule(start: .kept, invalidBytes: .noBytes)
        for value in values {
            var decoder = try JSONObjectReader(value, context: "\(fileName): decoder")
            let type = try decoder.takeRequiredString("type")
            switch type {
            case "Fuse": break
            case "ByteFallback": rule.invalidBytes = .wholeRun
            case "Metaspace": rule.start = try readMetaSpaceStart(&decoder)
            case "Replace":
                var pattern = try JSONObjectReader(
                    decoder.take("pattern") ?? .null, context: "\(decoder.context): pattern")
                guard try pattern.takeRequiredString("String") == MetaSpace.symbol,
                    try decoder.takeRequiredString("content") == " "
                else { throw decoder.unsupported("a Replace other than of \(MetaSpace.symbol) by a space") }
                try pattern.finish()
            case "Strip":
                let content = try decoder.takeRequiredString("content")
                guard content == " ", decoder.take("start") == .integer(1),
                    decoder.take("stop") == .integer(0)
                else { throw decoder.unsupported("a Strip other than of one space at the start") }
                rule.start = .withoutOneSpace
            default: throw decoder.unsupported("the decoder \"\(type)\"")
            }
            try decoder.finish()
        }
        parts.decodingRule = .pieces(rule)
    }
}
