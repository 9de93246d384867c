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
        let isSentencePiece = metadata.model == "llama"
        if isSentencePiece { merges = sentencePieceMerges(metadata).map { "[\(quoted($0)),\(quoted($1))]" } }
        let splitting = isSentencePiece ? sentencePieceSplitting(metadata) : try splitting(metadata)
        let unknown = isSentencePiece ? metadata.unknownTokenID.map { quoted(metadata.tokens[$0]) } : nil
        return """
            {"version":"1.0","truncation":null,"padding":null,
            "added_tokens":[\(added.joined(separator: ",\n"))],
            "normalizer":\(splitting.normalizer),
            "pre_tokenizer":\(splitting.preTokenizer),
            "post_processor":\(postProcessor(metadata, addsBeginByDefault: splitting.ignoresMerges || isSentencePiece)),
            "decoder":\(isSentencePiece ? sentencePieceDecoder(metadata) : byteLevel(addsPrefixSpace: true, usesPattern: true)),
            "model":{"type":"BPE","dropout":null,"unk_token":\(unknown ?? "null"),
            "continuing_subword_prefix":null,"end_of_word_suffix":null,
            "fuse_unk":\(isSentencePiece),"byte_fallback":\(isSentencePiece),
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
        case "smollm", "starcoder", "refact", "command-r":
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

    /// Every way to put a token together from two others, the best tokens first, as transformers' converter of
    /// SentencePiece models lists them.
    private static func sentencePieceMerges(
        _ metadata: GGUFTokenizerMetadata
    ) -> [(left: String, right: String)] {
        var ids = ByteStringTable(capacity: metadata.tokens.count)
        for (id, token) in metadata.tokens.enumerated() { ids.insert(Array(token.utf8), value: Int32(id)) }
        var merges: [(left: String, right: String, score: Float, order: Int)] = []
        for (id, token) in metadata.tokens.enumerated() {
            guard metadata.tokenTypes.isEmpty || [1, 4, 5].contains(metadata.tokenTypes[id]) else { continue }
            let scalars = Array(token.unicodeScalars)
            for middle in scalars.indices.dropFirst() {
                let left = String(String.UnicodeScalarView(scalars[..<middle]))
                let right = String(String.UnicodeScalarView(scalars[middle...]))
                guard ids[left] != nil, ids[right] != nil else { continue }
                merges.append((left, right, metadata.scores[id], merges.count))
            }
        }
        return merges.sorted { ($1.score, $0.order) < ($0.score, $1.order) }.map { ($0.left, $0.right) }
    }

    private static func sentencePieceSplitting(
        _ metadata: GGUFTokenizerMetadata
    ) -> (normalizer: String, preTokenizer: String, ignoresMerges: Bool) {
        let symbol = MetaSpace.symbol
        let replacement = #"{"type":"Replace","pattern":{"String":" "},"content":"\#(symbol)"}"#
        let prefix = #"{"type":"Prepend","prepend":"\#(symbol)"}"#
        let steps = metadata.addsSpacePrefix ?? true ? [prefix, replacement] : [replacement]
        return (#"{"type":"Sequence","normalizers":[\#(steps.joined(separator: ","))]}"#, "null", false)
    }

    private static func sentencePieceDecoder(_ metadata: GGUFTokenizerMetadata) -> String {
        var steps = [
            #"{"type":"Replace","pattern":{"String":"\#(MetaSpace.symbol)"},"content":" "}"#,
            #"{"type":"ByteFallback"}"#, #"{"type":"Fuse"}"#,
        ]
        if metadata.addsSpacePrefix ?? true {
            steps.append(#"{"type":"Strip","content":" ","start":1,"stop":0}"#)
        }
        return #"{"type":"Sequence","decoders":[\#(steps.joined(separator: ","))]}"#
    }

    private static func sequence(_ steps: [String]) -> String {
        "{\"type\":\"Sequence\",\"pretokenizers\":[\(steps.joined(separator: ","))]}"
    }

    private static func byteLevel(addsPrefixSpace: Bool, usesPattern: Bool) -> String {
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":\(addsPrefixSpace),\"trim_offsets\":true,"
            + "\"use_regex\":\(usesPattern)}"
    }

    /// What is put around a text, as ``TokenizerLoader/load(gguf:)`` does.
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
