/// Reads what stands beside `tokenizer.json`: special tokens, whether they are added, and the chat template.
///
/// These files hold many other keys, none of which changes ids; they are left alone.
///
/// Source: Hugging Face `transformers` 5.23.0, `tokenization_utils_tokenizers.py`.
struct TokenizerConfigurationReader {
    static let fileNames = [
        "tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "config.json",
        "chat_template.jinja",
    ]

    private let files: [String: [UInt8]]

    init(files: [String: [UInt8]]) { self.files = files }

    func apply(to parts: inout TokenizerParts) throws(TokenizerError) {
        var configuration = try reader("tokenizer_config.json")
        var specialTokens = try reader("special_tokens_map.json")
        var generation = try reader("generation_config.json")
        var model = try reader("config.json")

        try readAddedTokens(configuration?.take("added_tokens_decoder"), into: &parts)
        var ids: [String: Int32] = [:]
        for key in [
            "bos_token", "eos_token", "pad_token", "unk_token", "cls_token", "sep_token", "mask_token",
        ] {
            let configured = try tokenName(key, &configuration)
            let mapped = try tokenName(key, &specialTokens)
            if let name = configured ?? mapped { ids[key] = try specialTokenID(name, key: key, in: &parts) }
        }
        let generationEnds = try tokenIDs("eos_token_id", &generation)
        let modelEnds = try tokenIDs("eos_token_id", &model)
        let modelBegins = try tokenIDs("bos_token_id", &model)
        let generationPads = try tokenIDs("pad_token_id", &generation)
        parts.bosTokenID = ids["bos_token"] ?? modelBegins.first ?? parts.bosTokenID
        parts.eosTokenID = ids["eos_token"] ?? generationEnds.first ?? modelEnds.first ?? parts.eosTokenID
        parts.padTokenID = ids["pad_token"] ?? generationPads.first ?? parts.padTokenID
        parts.endTokenIDs = generationEnds.isEmpty ? modelEnds : generationEnds

        // Said outright, these two decide alone; otherwise tokenizer.json's post_processor does.
        let addsBOS = try flag("add_bos_token", &configuration)
        let addsEOS = try flag("add_eos_token", &configuration)
        if addsBOS != nil || addsEOS != nil {
            let adds = addsBOS ?? parts.addsBeginUnlessToldOtherwise
            parts.prefixIDs = adds ? [parts.bosTokenID].compactMap { $0 } : []
            parts.suffixIDs = addsEOS == true ? [parts.eosTokenID].compactMap { $0 } : []
        }
        parts.chatTemplateText = try chatTemplate(&configuration)
    }

    private func reader(_ name: String) throws(TokenizerError) -> JSONObjectReader? {
        guard let bytes = files[name] else { return nil }
        return try JSONObjectReader(try JSONValue(parsing: bytes, context: name), context: name)
    }

    /// Tokens that only the configuration lists are added, as `transformers` adds them.
    private func readAddedTokens(_ value: JSONValue?, into parts: inout TokenizerParts) throws(TokenizerError)
    {
        guard let value else { return }
        let context = "tokenizer_config.json: added_tokens_decoder"
        guard case .object(let members) = value else {
            throw TokenizerError(
                code: .malformed, message: "expected an object, found \(value.kind)", context: context)
        }
        var namesOfIDs = Dictionary(parts.addedTokens.map { ($0.id, $0.content) }, uniquingKeysWith: { $1 })
        for (key, description) in members {
            guard let id = Int32(key), id >= 0 else {
                throw TokenizerError(
                    code: .malformed, message: "\"\(key.prefix(80))\" is no token id", context: context)
            }
            var token = try JSONObjectReader(description, context: "\(context): \(key)")
            let content = try token.takeRequiredString("content")
            if let known = namesOfIDs[id] {
                guard known.utf8.elementsEqual(content.utf8) else {
                    throw TokenizerError(
                        code: .malformed,
                        message: "id \(id) is \"\(content)\" here and \"\(known)\" in tokenizer.json",
                        context: context)
                }
                continue
            }
            namesOfIDs[id] = content
            let isSpecial = try token.takeBool("special", default: false)
            parts.addedTokens.append(
                AddedToken(
                    id: id, content: content, isSpecial: isSpecial,
                    isSingleWord: try token.takeBool("single_word", default: false),
                    stripsLeft: try token.takeBool("lstrip", default: false),
                    stripsRight: try token.takeBool("rstrip", default: false),
                    isNormalized: try token.takeBool("normalized", default: !isSpecial)))
        }
    }

    /// A token's name, which is written as a string or as an object with `content`.
    private func tokenName(_ key: String, _ reader: inout JSONObjectReader?) throws(TokenizerError) -> String?
    {
        guard let value = reader?.take(key) else { return nil }
        if case .string(let name) = value { return name }
        var token = try JSONObjectReader(value, context: "\(reader?.context ?? ""): \(key)")
        return try token.takeRequiredString("content")
    }

    /// The id of a special token, which becomes an added token if it is not one yet.
    private func specialTokenID(
        _ name: String, key: String, in parts: inout TokenizerParts
    ) throws(TokenizerError) -> Int32 {
        if let token = parts.addedTokens.last(where: { $0.content.utf8.elementsEqual(name.utf8) }) {
            return token.id
        }
        guard let id = parts.vocabulary.last(where: { $0.name.utf8.elementsEqual(name.utf8) })?.id else {
            throw TokenizerError(
                code: .malformed,
                message:
                    "\(key) \"\(name)\" is not in the vocabulary of tokenizer.json; the base has no embedding "
                    + "for it. Name a token that is there",
                context: "tokenizer_config.json")
        }
        parts.addedTokens.append(AddedToken(id: id, content: name, isSpecial: true))
        return id
    }

    private func tokenIDs(_ key: String, _ reader: inout JSONObjectReader?) throws(TokenizerError) -> [Int32]
    {
        guard let value = reader?.take(key) else { return [] }
        let values = if case .array(let elements) = value { elements } else { [value] }
        return try values.map { value throws(TokenizerError) in
            guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                throw TokenizerError(
                    code: .malformed,
                    message: "\"\(key)\" should be a token id or a list of them, found \(value.kind)",
                    context: reader?.context ?? "")
            }
            return id
        }
    }

    private func flag(_ key: String, _ reader: inout JSONObjectReader?) throws(TokenizerError) -> Bool? {
        guard let value = reader?.take(key) else { return nil }
        guard case .bool(let flag) = value else {
            throw TokenizerError(
                code: .malformed, message: "\"\(key)\" should be true or false, found \(value.kind)",
                context: reader?.context ?? "")
        }
        return flag
    }

    /// `chat_template.jinja` wins; a list of templates has one called "default".
    private func chatTemplate(_ configuration: inout JSONObjectReader?) throws(TokenizerError) -> String? {
        let value = configuration?.take("chat_template")
        if let file = files["chat_template.jinja"] {
            guard let text = String(validating: file, as: UTF8.self) else {
                throw TokenizerError(
                    code: .malformed, message: "is not UTF-8", context: "chat_template.jinja")
            }
            return text
        }
        switch value {
        case nil: return nil
        case .string(let text): return text
        case .array(let templates):
            for template in templates {
                var named = try JSONObjectReader(template, context: "tokenizer_config.json: chat_template")
                if try named.takeString("name") == "default" {
                    return try named.takeRequiredString("template")
                }
            }
            return nil
        case .some(let other):
            throw TokenizerError(
                code: .malformed,
                message: "\"chat_template\" should be a string or a list, found \(other.kind)",
                context: "tokenizer_config.json")
        }
    }
}
