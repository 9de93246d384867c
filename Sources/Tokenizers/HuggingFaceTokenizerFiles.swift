/// `tokenizer.json` and `tokenizer_config.json` of the tokenizer that a GGUF file's metadata describes, as Hugging Face's
/// `tokenizers` and `transformers` read them. They give the ids that ``TokenizerLoader/load(gguf:)`` gives.
///
/// - Source: serialization of `tokenizers` 0.23.3; the pre-tokenizers of SmolLM2, GPT-2, Llama 3 and Qwen 2.
public struct HuggingFaceTokenizerFiles: Sendable {
    /// The files' bytes by name.
    public let files: [(name: String, bytes: [UInt8])]

    /// - Throws: ``TokenizerError`` with code `.unsupported` or `.malformed`, as ``TokenizerLoader/load(gguf:)``.
    public init(gguf metadata: GGUFTokenizerMetadata) throws(TokenizerError) {
        // Everything that could be wrong with the metadata is found by loading it.
        _ = try TokenizerLoader.load(gguf: metadata)
        files = [
            ("tokenizer.json", Array(try Self.tokenizer(metadata).utf8)),
            ("tokenizer_config.json", Array(Self.configuration(metadata).utf8)),
        ]
    }

    private static func tokenizer(_ metadata: GGUFTokenizerMetadata) throws(TokenizerError) -> String {
        let added = metadata.tokenTypes.enumerated().filter { [2, 3, 4].contains($0.element) }.map {
            id, type in
            "{\"id\":\(id),\"content\":\(quoted(metadata.tokens[id])),\"single_word\":false,\"lstrip\":false,"
                + "\"rstrip\":false,\"normalized\":false,\"special\":\(type != 4)}"
        }
        let vocabulary = metadata.tokens.enumerated().map { "\(quoted($1)):\($0)" }
        var merges: [String] = []
        for (index, line) in metadata.merges.enumerated() {
            let (left, right) = try TokenizerParts.mergePair(line, index: index)
            merges.append("[\(quoted(left)),\(quoted(right))]")
        }
        let splitting = try splitting(metadata)
        return """
            {"version":"1.0","truncation":null,"padding":null,
            "added_tokens":[\(added.joined(separator: ",\n"))],
            "normalizer":\(splitting.normalizer),
            "pre_tokenizer":\(splitting.preTokenizer),
            "post_processor":\(postProcessor(metadata, addsBeginByDefault: splitting.ignoresMerges)),
            "decoder":\(byteLevel(addsPrefixSpace: true, usesPattern: true)),
            "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
            "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,
            "ignore_merges":\(splitting.ignoresMerges),
            "vocab":{\(vocabulary.joined(separator: ",\n"))},
            "merges":[\(merges.joined(separator: ",\n"))]}}

            """
    }

    private static func splitting(
        _ metadata: GGUFTokenizerMetadata
    ) throws(TokenizerError) -> (normalizer: String, preTokenizer: String, ignoresMerges: Bool) {
        let prefix = metadata.addsSpacePrefix == true
        func split(_ pattern: String) -> String {
            sequence([
                "{\"type\":\"Split\",\"pattern\":{\"Regex\":\(quoted(pattern))},\"behavior\":\"Isolated\","
                    + "\"invert\":false}", byteLevel(addsPrefixSpace: false, usesPattern: false),
            ])
        }
        let own = byteLevel(addsPrefixSpace: prefix, usesPattern: true)
        switch metadata.preTokenizer {
        case "gpt-2": return ("null", own, false)
        case "smollm":
            return ("null", sequence(["{\"type\":\"Digits\",\"individual_digits\":true}", own]), false)
        case "llama-bpe" where !prefix, "llama3" where !prefix, "llama-v3" where !prefix:
            return ("null", split(PreTokenizer.llama3Pattern), true)
        case "qwen2" where !prefix: return ("{\"type\":\"NFC\"}", split(PreTokenizer.qwen2Pattern), false)
        case let name:
            throw TokenizerError(
                code: .unsupported,
                message: "the pre-tokenizer \"\(name ?? "(none)")\""
                    + (prefix ? " with a space in front" : "") + " has no tokenizer.json here",
                context: "tokenizer.ggml.pre")
        }
    }

    private static func sequence(_ steps: [String]) -> String {
        "{\"type\":\"Sequence\",\"pretokenizers\":[\(steps.joined(separator: ","))]}"
    }

    private static func byteLevel(addsPrefixSpace: Bool, usesPattern: Bool) -> String {
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":\(addsPrefixSpace),\"trim_offsets\":true,"
            + "\"use_regex\":\(usesPattern)}"
    }

    /// What is put around a text, as ``ByteLevelBPETokenizer/init(gguf:)`` does.
    private static func postProcessor(
        _ metadata: GGUFTokenizerMetadata, addsBeginByDefault: Bool
    ) -> String {
        let begin = (metadata.addsBeginOfSequence ?? addsBeginByDefault) ? metadata.bosTokenID : nil
        let end = metadata.addsEndOfSequence == true ? metadata.eosTokenID : nil
        guard begin != nil || end != nil else { return "null" }
        func piece(_ id: Int, _ type: Int) -> String {
            "{\"SpecialToken\":{\"id\":\(quoted(metadata.tokens[id])),\"type_id\":\(type)}}"
        }
        func part(_ name: String, _ type: Int) -> [String] {
            [
                begin.map { piece($0, type) }, "{\"Sequence\":{\"id\":\"\(name)\",\"type_id\":\(type)}}",
                end.map { piece($0, type) },
            ].compactMap { $0 }
        }
        let specials = Set([begin, end].compactMap { $0 }).sorted().map { id in
            let text = quoted(metadata.tokens[id])
            return "\(text):{\"id\":\(text),\"ids\":[\(id)],\"tokens\":[\(text)]}"
        }
        return "{\"type\":\"TemplateProcessing\",\"single\":[\(part("A", 0).joined(separator: ","))],"
            + "\"pair\":[\((part("A", 0) + part("B", 1)).joined(separator: ","))],"
            + "\"special_tokens\":{\(specials.joined(separator: ","))}}"
    }

    private static func configuration(_ metadata: GGUFTokenizerMetadata) -> String {
        func token(_ id: Int?) -> String? { id.map { quoted(metadata.tokens[$0]) } }
        let members: [(String, String?)] = [
            ("bos_token", token(metadata.bosTokenID)),
            ("chat_template", metadata.chatTemplate.map(quoted)),
            ("clean_up_tokenization_spaces", "false"),
            ("eos_token", token(metadata.eosTokenID)),
            ("pad_token", token(metadata.padTokenID)),
            ("tokenizer_class", "\"PreTrainedTokenizerFast\""),
        ]
        return "{\n"
            + members.compactMap { name, value in value.map { "  \"\(name)\": \($0)" } }
            .joined(separator: ",\n") + "\n}\n"
    }

    /// A JSON string.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case let control where control.value < 0x20 || control.value == 0x7F:
                let digits = String(control.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
