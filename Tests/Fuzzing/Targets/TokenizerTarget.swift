import Foundation
import Tokenizers

/// `tokenizer.json` and the files beside it: loaded, and used on texts that try a tokenizer's patterns.
public final class TokenizerTarget: FuzzTarget {
    public static let name = "tokenizer"
    public let corpus: [FuzzInput]
    public let words = [
        "BPE", "ByteLevel", "Sequence", "Split", "Digits", "NFC", "TemplateProcessing", "Isolated", "Removed",
        "MergedWithNext", "invert", "Regex", "String", "pattern", "pretokenizers", "normalizers",
        "processors", "vocab",
        "merges", "added_tokens", "special", "lstrip", "rstrip", "single_word", "normalized", "ignore_merges",
        "fuse_unk",
        "unk_token", "byte_fallback", "add_prefix_space", "use_regex", "SpecialToken", "(a+)+$", "(?=(a*))*b",
        "\\\\p{L}+",
        "(?<!x)", "[^\\\\s]{1000000}", "(a|aa)+$", "\\u0000", "\\ud800", "Ġ", "<|im_end|>", "eos_token",
        "chat_template", "Unigram", "WordPiece", "Metaspace", "prepend_scheme", "first", "never",
        "Precompiled",
        "BertNormalizer", "BertPreTokenizer", "WhitespaceSplit", "Replace", "Prepend", "Strip",
        "ByteFallback",
        "Fuse", "unk_id", "<0x0A>", "\u{2581}", "##s", "max_input_chars_per_word", "-1e308",
    ].map { Array($0.utf8) }
    private let workspace: FuzzWorkspace

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        let settings = try workspace.fixture("tiny-base/tokenizer_config.json")
        var corpus: [FuzzInput] = []
        for input in try workspace.stored(Self.name) {
            corpus.append(
                FuzzInput([
                    .init("tokenizer.json", input.parts[0].bytes), .init("tokenizer_config.json", settings),
                ]))
        }
        for name in [
            "tiny-base/tokenizer", "tokenizers/llama2.tokenizer", "tokenizers/unigram.tokenizer",
            "tokenizers/bert.tokenizer",
        ] {
            corpus.append(
                FuzzInput([
                    .init("tokenizer.json", try workspace.fixture(name + ".json")),
                    .init("tokenizer_config.json", settings),
                ]))
        }
        self.corpus = corpus
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        for part in input.parts { _ = try workspace.write(part.name, part.bytes) }
        guard let tokenizer = try? TokenizerLoader.load(directory: workspace.folder) else { return false }
        try Self.check(tokenizer)
        return true
    }

    private static let texts = [
        "Hello world 12345  it's\n\n\tTabs <|im_end|> <s>", String(repeating: "a", count: 300) + "!",
        "héé 中文 🐟🐟 \u{301}\u{0}\u{FFFD} ١٢٣",
        String(repeating: " ", count: 200) + "x" + String(repeating: "1", count: 90),
    ]

    /// Whether the ids of texts lie in the vocabulary and become texts again.
    static func check(_ tokenizer: any Tokenizer) throws(FuzzFailure) {
        for text in texts {
            guard let ids = try? tokenizer.encode(text, addSpecialTokens: true) else { continue }
            for id in ids where id < 0 || Int(id) >= tokenizer.vocabularyCount {
                throw FuzzFailure(
                    "the id \(id) of a text is not in the vocabulary of \(tokenizer.vocabularyCount)")
            }
            _ = tokenizer.decode(ids, skipSpecialTokens: false)
        }
        _ = tokenizer.decode([-1, .max, .min, 0], skipSpecialTokens: true)
        _ = tokenizer.canonicalDescription
        if let template = try? ChatTemplate.resolve(for: tokenizer, override: nil) {
            _ = try? template.encode(
                [ChatMessage(role: "user", content: "hi"), ChatMessage(role: "assistant", content: "ho")],
                addGenerationPrompt: true, tokenizer: tokenizer)
        }
    }
}
