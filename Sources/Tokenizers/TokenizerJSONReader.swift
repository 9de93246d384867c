/// Reads Hugging Face `tokenizer.json` (format 1.0).
///
/// Whatever changes ids and is not known here is refused by name. `truncation` and `padding` are read over, as
/// `transformers` does: it sets both anew at every call.
///
/// Source: Hugging Face `tokenizers` 0.23.3.
struct TokenizerJSONReader {
    private(set) var parts = TokenizerParts()
    private let fileName: String

    /// - Parameter fileName: the file's name, for messages.
    /// - Throws: ``TokenizerError`` with code `.malformed` or `.unsupported`, naming the key.
    init(_ bytes: [UInt8], fileName: String) throws(TokenizerError) {
        self.fileName = fileName
        var file = try JSONObjectReader(try JSONValue(parsing: bytes, context: fileName), context: fileName)
        if let version = try file.takeString("version"), version != "1.0" {
            throw file.unsupported("version \"\(version)\" of the format")
        }
        _ = file.take("truncation")
        _ = file.take("padding")
        try readModel(file.take("model") ?? .null)
        try readAddedTokens(file.takeArray("added_tokens") ?? [])
        if let normalizer = file.take("normalizer") { try readNormalizer(normalizer) }
        try readPreTokenizer(file.take("pre_tokenizer") ?? .null)
        if let processor = file.take("post_processor") { try readPostProcessor(processor) }
        try readDecoder(file.take("decoder") ?? .null)
        try file.finish()
    }

    private mutating func readModel(_ value: JSONValue) throws(TokenizerError) {
        var model = try JSONObjectReader(value, context: "\(fileName): model")
        // Files from before version 0.14 may leave the type out; only BPE has both members.
        let type = try model.takeString("type") ?? "BPE"
        guard type == "BPE" else { throw model.unsupported("the model \"\(type)\"") }
        if let dropout = model.take("dropout"), dropout != .integer(0), dropout != .number(0) {
            throw model.unsupported("dropout")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = try model.takeString(key), !affix.isEmpty { throw model.unsupported(key) }
        }
        if try model.takeBool("byte_fallback", default: false) { throw model.unsupported("byte_fallback") }
        parts.ignoresMerges = try model.takeBool("ignore_merges", default: false)
        let isFused = try model.takeBool("fuse_unk", default: false)
        let unknownName = try model.takeString("unk_token")

        let vocabulary = model.take("vocab") ?? .null
        guard case .object(let members) = vocabulary else {
            throw model.wrong("vocab", "an object", vocabulary)
        }
        parts.vocabulary.reserveCapacity(members.count)
        for (name, value) in members {
            guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                throw model.wrong("vocab: \(name.prefix(80))", "a token id", value)
            }
            if let unknownName, name.utf8.elementsEqual(unknownName.utf8) {
                parts.unknownToken = BytePairModel.UnknownToken(id: id, isFused: isFused)
            }
            parts.vocabulary.append((name, id))
        }
        if let unknownName, parts.unknownToken == nil {
            throw TokenizerError(
                code: .malformed, message: "unk_token \"\(unknownName)\" is not in the vocabulary",
                context: model.context)
        }
        let merges = try model.takeArray("merges") ?? []
        parts.merges.reserveCapacity(merges.count)
        for (index, merge) in merges.enumerated() {
            switch merge {
            case .string(let line): parts.merges.append(try TokenizerParts.mergePair(line, index: index))
            case .array(let pair):
                guard pair.count == 2, case .string(let left) = pair[0], case .string(let right) = pair[1]
                else {
                    throw model.wrong("merges: \(index)", "a pair of strings", merge)
                }
                parts.merges.append((left, right))
            default: throw model.wrong("merges: \(index)", "a string or a pair of strings", merge)
            }
        }
        try model.finish()
    }

    private mutating func readAddedTokens(_ values: [JSONValue]) throws(TokenizerError) {
        var vocabulary = ByteStringTable(capacity: parts.vocabulary.count)
        for (name, id) in parts.vocabulary { vocabulary.insert(Array(name.utf8), value: id) }
        for (index, value) in values.enumerated() {
            var token = try JSONObjectReader(value, context: "\(fileName): added_tokens: \(index)")
            let id = try token.takeID("id")
            let content = try token.takeRequiredString("content")
            let isSpecial = try token.takeBool("special", default: false)
            parts.addedTokens.append(
                AddedToken(
                    id: id, content: content, isSpecial: isSpecial,
                    isSingleWord: try token.takeBool("single_word", default: false),
                    stripsLeft: try token.takeBool("lstrip", default: false),
                    stripsRight: try token.takeBool("rstrip", default: false),
                    isNormalized: try token.takeBool("normalized", default: !isSpecial)))
            try token.finish()
            if let known = vocabulary.insert(Array(content.utf8), value: id), known != id {
                throw TokenizerError(
                    code: .malformed,
                    message: "\"\(content)\" has id \(id) here and id \(known) in the vocabulary",
                    context: token.context)
            }
        }
    }

    private mutating func readNormalizer(_ value: JSONValue) throws(TokenizerError) {
        var normalizer = try JSONObjectReader(value, context: "\(fileName): normalizer")
        let type = try normalizer.takeRequiredString("type")
        switch type {
        case "NFC": parts.normalizers.append(.nfc)
        case "Sequence":
            for step in try normalizer.takeArray("normalizers") ?? [] { try readNormalizer(step) }
        default: throw normalizer.unsupported("the normalizer \"\(type)\"")
        }
        try normalizer.finish()
    }

    private mutating func readPostProcessor(_ value: JSONValue) throws(TokenizerError) {
        var processor = try JSONObjectReader(value, context: "\(fileName): post_processor")
        let type = try processor.takeRequiredString("type")
        switch type {
        case "ByteLevel":
            // It only moves the offsets of tokens.
            for key in ["add_prefix_space", "trim_offsets", "use_regex"] { _ = processor.take(key) }
        case "Sequence":
            for step in try processor.takeArray("processors") ?? [] { try readPostProcessor(step) }
        case "TemplateProcessing": try readTemplate(&processor)
        default: throw processor.unsupported("the post_processor \"\(type)\"")
        }
        try processor.finish()
    }

    /// Reads what is put around a single text. Pairs of texts are never encoded here.
    private mutating func readTemplate(_ processor: inout JSONObjectReader) throws(TokenizerError) {
        _ = processor.take("pair")
        var idsOfToken: [String: [Int32]] = [:]
        if let tokens = processor.take("special_tokens") {
            guard case .object(let members) = tokens else {
                throw processor.wrong("special_tokens", "an object", tokens)
            }
            for (name, value) in members {
                var token = try JSONObjectReader(value, context: "\(processor.context): \(name)")
                let ids = try token.takeArray("ids") ?? []
                idsOfToken[name] = try ids.map { value throws(TokenizerError) in
                    guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                        throw token.wrong("ids", "token ids", value)
                    }
                    return id
                }
            }
        }
        var before: [Int32] = []
        var after: [Int32] = []
        var hasText = false
        for item in try processor.takeArray("single") ?? [] {
            guard case .object(let members) = item, members.count == 1, let member = members.first else {
                throw processor.wrong("single", "an array of pieces", item)
            }
            var piece = try JSONObjectReader(
                member.value, context: "\(processor.context): single: \(member.key)")
            let name = try piece.takeRequiredString("id")
            switch member.key {
            case "Sequence":
                guard name == "A", !hasText else {
                    throw processor.unsupported("a template with the text \(name)")
                }
                hasText = true
            case "SpecialToken":
                guard let ids = idsOfToken[name] else {
                    throw TokenizerError(
                        code: .malformed, message: "\"\(name)\" is not among special_tokens",
                        context: piece.context)
                }
                if hasText { after += ids } else { before += ids }
            default: throw processor.unsupported("the template piece \(member.key)")
            }
        }
        guard hasText else { throw processor.unsupported("a template without the text") }
        // A later processor works around what an earlier one made.
        parts.prefixIDs = before + parts.prefixIDs
        parts.suffixIDs += after
    }

    private mutating func readDecoder(_ value: JSONValue) throws(TokenizerError) {
        var decoder = try JSONObjectReader(value, context: "\(fileName): decoder")
        let type = try decoder.takeRequiredString("type")
        guard type == "ByteLevel" else { throw decoder.unsupported("the decoder \"\(type)\"") }
        for key in ["add_prefix_space", "trim_offsets", "use_regex"] { _ = decoder.take(key) }
        try decoder.finish()
    }
}

extension TokenizerJSONReader {
    /// Reads how text is split. ByteLevel must come last: what follows it would see bytes' characters.
    private mutating func readPreTokenizer(_ value: JSONValue) throws(TokenizerError) {
        var isByteLevel = false
        try readPreTokenizerStep(value, isByteLevel: &isByteLevel)
        guard isByteLevel else {
            throw TokenizerError(
                code: .unsupported,
                message:
                    "a tokenizer that is not byte-level (its pre_tokenizer has no ByteLevel) is not supported",
                context: "\(fileName): pre_tokenizer")
        }
    }

    private mutating func readPreTokenizerStep(
        _ value: JSONValue, isByteLevel: inout Bool
    ) throws(TokenizerError) {
        var step = try JSONObjectReader(value, context: "\(fileName): pre_tokenizer")
        let type = try step.takeRequiredString("type")
        guard !isByteLevel else { throw step.unsupported("the pre_tokenizer \"\(type)\" after ByteLevel") }
        switch type {
        case "Sequence":
            for inner in try step.takeArray("pretokenizers") ?? [] {
                try readPreTokenizerStep(inner, isByteLevel: &isByteLevel)
            }
        case "ByteLevel":
            _ = step.take("trim_offsets")
            if try step.takeBool("add_prefix_space", default: true) {
                parts.preTokenizerSteps.append(.prefixSpace)
            }
            if try step.takeBool("use_regex", default: true) {
                parts.preTokenizerSteps.append(
                    try .split(onigurumaPattern: PreTokenizer.gpt2Pattern, behavior: .isolated))
            }
            isByteLevel = true
        case "Digits":
            parts.preTokenizerSteps.append(
                try .digits(individually: try step.takeBool("individual_digits", default: false)))
        case "Split":
            let name = try step.takeRequiredString("behavior")
            guard let behavior = PreTokenizer.SplitBehavior(rawValue: name) else {
                throw step.unsupported("the behavior \"\(name)\" of a Split")
            }
            let isInverted = try step.takeBool("invert", default: false)
            var pattern = try JSONObjectReader(
                step.take("pattern") ?? .null, context: "\(step.context): pattern")
            if let regex = try pattern.takeString("Regex") {
                parts.preTokenizerSteps.append(
                    try .split(onigurumaPattern: regex, behavior: behavior, isInverted: isInverted))
            } else {
                parts.preTokenizerSteps.append(
                    try .split(
                        literal: try pattern.takeRequiredString("String"), behavior: behavior,
                        isInverted: isInverted))
            }
            try pattern.finish()
        default: throw step.unsupported("the pre_tokenizer \"\(type)\"")
        }
        try step.finish()
    }
}
