/// Reads Hugging Face `tokenizer.json` (format 1.0).
///
/// Whatever changes ids and is not known here is refused by name. `truncation` and `padding` are read over, as
/// `transformers` does: it sets both anew at every call.
///
/// Source: Hugging Face `tokenizers` 0.23.3.
struct TokenizerJSONReader {
    var parts = TokenizerParts()
    let fileName: String
    /// Whether the pre-tokenizer makes bytes characters (ByteLevel), or spaces `▁` (Metaspace).
    var isByteLevel = false
    var isMetaSpaced = false
    var prependsMetaSpace = false
    var splitsAtWhitespace = false

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
        let model = file.take("model") ?? .null
        if let normalizer = file.take("normalizer") { try readNormalizer(normalizer) }
        if let step = file.take("pre_tokenizer") { try readPreTokenizerStep(step) }
        try readModel(model)
        try readAddedTokens(file.takeArray("added_tokens") ?? [])
        if let processor = file.take("post_processor") { try readPostProcessor(processor) }
        try readDecoder(file.take("decoder") ?? .null)
        try file.finish()
        guard parts.usesMetaSpaces || !prependsMetaSpace else {
            throw file.unsupported("a Prepend of \(MetaSpace.symbol) without spaces being replaced by it")
        }
        if parts.usesMetaSpaces && !splitsAtWhitespace { parts.normalizers.append(.metaSpaces) }
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
        case "BertProcessing": try readPair(&processor)
        case "RobertaProcessing":
            for key in ["add_prefix_space", "trim_offsets"] { _ = processor.take(key) }
            try readPair(&processor)
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

    /// `[CLS]` before the text and `[SEP]` after it.
    private mutating func readPair(_ processor: inout JSONObjectReader) throws(TokenizerError) {
        func id(_ key: String) throws(TokenizerError) -> Int32 {
            let pair = try processor.takeArray(key) ?? []
            guard pair.count == 2, case .string = pair[0], case .integer(let number) = pair[1],
                let id = Int32(exactly: number), id >= 0
            else { throw processor.wrong(key, "a token's name and id", .array(pair)) }
            return id
        }
        let beginning = try id("cls")
        parts.prefixIDs = [beginning] + parts.prefixIDs
        parts.suffixIDs.append(try id("sep"))
    }
}
