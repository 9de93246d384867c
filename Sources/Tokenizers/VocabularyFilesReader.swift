/// Reads the vocabularies that are older than `tokenizer.json`: `tokenizer.model` (SentencePiece), `vocab.txt`
/// (BERT), `vocab.json` with `merges.txt` (GPT-2) and OpenAI's own names for these, `encoder.json` with `vocab.bpe`.
///
/// What they leave open, `tokenizer_config.json` says; the defaults are those of the classes in Hugging Face
/// `transformers` 5.23.0 that read such files (LlamaTokenizer, BertTokenizer, GPT2Tokenizer).
struct VocabularyFilesReader {
    /// Names of the files, in the order in which the first that exists is taken, with what must stand beside each.
    static let vocabularies: [(name: String, companion: String?)] = [
        ("tokenizer.model", nil), ("vocab.txt", nil), ("vocab.json", "merges.txt"),
        ("encoder.json", "vocab.bpe"),
    ]
    /// Tokens that were added to such a vocabulary.
    static let addedTokensName = "added_tokens.json"

    private(set) var parts = TokenizerParts()
    private let files: [String: [UInt8]]

    /// - Parameter files: contents by name.
    /// - Throws: ``TokenizerError`` naming the file and what is wrong with it.
    init(files: [String: [UInt8]]) throws(TokenizerError) {
        self.files = files
        if let model = files["tokenizer.model"] {
            try readSentencePieces(model)
        } else if let list = files["vocab.txt"] {
            try readWordPieces(list)
        } else if let names = files["vocab.json"], let merges = files["merges.txt"] {
            try readBytePairs(names, merges, "vocab.json", "merges.txt")
        } else if let names = files["encoder.json"], let merges = files["vocab.bpe"] {
            try readBytePairs(names, merges, "encoder.json", "vocab.bpe")
        }
        try readAddedTokens()
    }

    private mutating func readSentencePieces(_ bytes: [UInt8]) throws(TokenizerError) {
        let file = try SentencePieceFile(bytes, fileName: "tokenizer.model")
        parts.model = .sentencePiece(file)
        parts.vocabulary = file.pieces.enumerated().map { ($1.text, Int32($0)) }
        parts.decodingRule = .pieces(
            .init(
                start: file.removesExtraSpaces
                    ? .withoutSpaces : file.addsPrefix ? .withoutOneSpace : .kept,
                invalidBytes: file.hasByteFallback ? .eachByte : .noBytes))
        for (id, piece) in file.pieces.enumerated() where piece.kind == .control || piece.kind == .unknown {
            parts.addedTokens.append(AddedToken(id: Int32(id), content: piece.text, isSpecial: true))
        }
        parts.bosTokenID = file.bosID
        parts.eosTokenID = file.eosID
        parts.padTokenID = file.padID
        parts.prefixIDs = [file.bosID].compactMap { $0 }
        parts.addsBeginUnlessToldOtherwise = true
    }

    private mutating func readWordPieces(_ bytes: [UInt8]) throws(TokenizerError) {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count < Int32.max else {
            throw TokenizerError(code: .malformed, message: "too many lines", context: "vocab.txt")
        }
        for (id, line) in lines.enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let name = String(validating: line, as: UTF8.self) else {
                throw TokenizerError(
                    code: .malformed, message: "line \(id + 1) is not UTF-8", context: "vocab.txt")
            }
            parts.vocabulary.append((name, Int32(id)))
        }
        var settings = try JSONObjectReader(
            try files["tokenizer_config.json"].map { bytes throws(TokenizerError) in
                try JSONValue(parsing: bytes, context: "tokenizer_config.json")
            } ?? .object([]), context: "tokenizer_config.json")
        var normalizer = BertNormalizer()
        normalizer.lowercases = try settings.takeBool("do_lower_case", default: true)
        normalizer.stripsAccents = try settings.takeBool("strip_accents", default: normalizer.lowercases)
        normalizer.setsIdeographsApart = try settings.takeBool("tokenize_chinese_chars", default: true)
        func name(_ key: String, _ fallback: String) throws(TokenizerError) -> String {
            guard let value = settings.take(key) else { return fallback }
            if case .string(let name) = value { return name }
            var token = try JSONObjectReader(value, context: "tokenizer_config.json: \(key)")
            return try token.takeRequiredString("content")
        }
        var options = WordPieceModel.Options()
        options.unknownToken = try name("unk_token", options.unknownToken)
        parts.model = .wordPieces(options)
        parts.normalizers = [.bert(normalizer)]
        parts.preTokenizerSteps = [try .atWhitespace(), try .atPunctuation()]
        parts.decodingRule = .words(prefix: options.continuationPrefix, cleansUp: true)
        parts.prefixIDs = [try specialID(try name("cls_token", "[CLS]"))]
        parts.suffixIDs = [try specialID(try name("sep_token", "[SEP]"))]
        for (key, fallback) in [("unk_token", "[UNK]"), ("pad_token", "[PAD]"), ("mask_token", "[MASK]")] {
            let name = try name(key, fallback)
            guard let id = id(of: name), !parts.addedTokens.contains(where: { $0.id == id }) else { continue }
            parts.addedTokens.append(AddedToken(id: id, content: name, isSpecial: true))
            if key == "pad_token" { parts.padTokenID = id }
        }
    }

    private func id(of name: String) -> Int32? {
        parts.vocabulary.last { $0.name.utf8.elementsEqual(name.utf8) }?.id
    }

    private mutating func specialID(_ name: String) throws(TokenizerError) -> Int32 {
        guard let id = id(of: name) else {
            throw TokenizerError(
                code: .malformed,
                message:
                    "the special token \"\(name.prefix(80))\" is not among its lines; is it a BERT vocabulary?",
                context: "vocab.txt")
        }
        parts.addedTokens.append(AddedToken(id: id, content: name, isSpecial: true))
        return id
    }

    private mutating func readBytePairs(
        _ names: [UInt8], _ merges: [UInt8], _ namesFile: String, _ mergesFile: String
    ) throws(TokenizerError) {
        try checkClass()
        let value = try JSONValue(parsing: names, context: namesFile)
        guard case .object(let members) = value else {
            throw TokenizerError(
                code: .malformed, message: "expected an object, found \(value.kind)", context: namesFile)
        }
        for (name, value) in members {
            guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                throw TokenizerError(
                    code: .malformed,
                    message: "\"\(name.prefix(80))\" should have a token id, found \(value.kind)",
                    context: namesFile)
            }
            parts.vocabulary.append((name, id))
        }
        guard let text = String(validating: merges, as: UTF8.self) else {
            throw TokenizerError(code: .malformed, message: "is not UTF-8", context: mergesFile)
        }
        var pairs: [(left: String, right: String)] = []
        for (index, line) in text.split(separator: "\n").enumerated() {
            if index == 0, line.hasPrefix("#version") { continue }
            pairs.append(
                try TokenizerParts.mergePair(
                    line.hasSuffix("\r") ? String(line.dropLast()) : String(line), index: index))
        }
        parts.model = .bytePairs(merges: pairs, ignoresMerges: false, unknown: nil)
        parts.preTokenizerSteps = [
            try .split(onigurumaPattern: PreTokenizer.gpt2Pattern, behavior: .isolated)
        ]
        let end = "<|endoftext|>"
        if let id = id(of: end) {
            parts.addedTokens.append(AddedToken(id: id, content: end, isSpecial: true))
            parts.bosTokenID = id
            parts.eosTokenID = id
        }
    }

    /// Other classes split texts otherwise, and say so only in `tokenizer.json`.
    private func checkClass() throws(TokenizerError) {
        guard let bytes = files["tokenizer_config.json"] else { return }
        var settings = try JSONObjectReader(
            try JSONValue(parsing: bytes, context: "tokenizer_config.json"), context: "tokenizer_config.json")
        let name = try settings.takeString("tokenizer_class") ?? "GPT2Tokenizer"
        guard ["GPT2Tokenizer", "GPT2TokenizerFast"].contains(name) else {
            throw TokenizerError(
                code: .unsupported,
                message:
                    "a \(name.prefix(80)) needs its tokenizer.json; vocab.json and merges.txt alone do not say how "
                    + "texts are split (save_pretrained of transformers writes it)",
                context: "tokenizer_config.json")
        }
    }

    private mutating func readAddedTokens() throws(TokenizerError) {
        guard let bytes = files[Self.addedTokensName] else { return }
        let value = try JSONValue(parsing: bytes, context: Self.addedTokensName)
        guard case .object(let members) = value else {
            throw TokenizerError(
                code: .malformed, message: "expected an object, found \(value.kind)",
                context: Self.addedTokensName)
        }
        for (name, value) in members {
            guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                throw TokenizerError(
                    code: .malformed,
                    message: "\"\(name.prefix(80))\" should have a token id, found \(value.kind)",
                    context: Self.addedTokensName)
            }
            if parts.addedTokens.contains(where: { $0.id == id }) { continue }
            parts.addedTokens.append(AddedToken(id: id, content: name, isSpecial: false))
        }
    }
}
