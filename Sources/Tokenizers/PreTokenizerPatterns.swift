/// The splitting patterns of the tokenizers supported by name.
extension PreTokenizer {
    /// GPT-2's pattern, which ByteLevel applies when `use_regex` is set.
    ///
    /// Source: OpenAI GPT-2, encoder.py; Hugging Face `tokenizers` 0.23.3, `pre_tokenizers/byte_level.rs`.
    static let gpt2Pattern =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    /// Llama 3's pattern. Source: tokenizer.json of meta-llama/Meta-Llama-3-8B.
    static let llama3Pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"#
        + #"\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// Qwen 2's pattern: Llama 3's, but digits one by one. Source: tokenizer.json of Qwen/Qwen2-0.5B.
    static let qwen2Pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"#
        + #"\s*[\r\n]+|\s+(?!\S)|\s+"#
}

extension PreTokenizer.Step {
    /// A split at an Oniguruma pattern, as in `tokenizer.json`.
    static func split(
        onigurumaPattern pattern: String, behavior: PreTokenizer.SplitBehavior, isInverted: Bool = false
    ) throws(TokenizerError) -> Self {
        .split(
            try RegularExpression(try PatternTranslator.translate(pattern)), behavior: behavior,
            isInverted: isInverted, description: pattern)
    }

    /// A split at a text.
    static func split(
        literal: String, behavior: PreTokenizer.SplitBehavior, isInverted: Bool
    ) throws(TokenizerError) -> Self {
        guard !literal.isEmpty else {
            throw TokenizerError(
                code: .unsupported, message: "a Split pre_tokenizer with an empty text as its pattern")
        }
        return .split(
            try RegularExpression(literal, isLiteral: true), behavior: behavior, isInverted: isInverted,
            description: "text \(literal)")
    }

    /// The Digits pre-tokenizer.
    static func digits(individually: Bool) throws(TokenizerError) -> Self {
        .split(
            try RegularExpression("[" + UnicodeRanges.digits.patternText + "]"),
            behavior: individually ? .isolated : .contiguous, isInverted: false, description: "digits")
    }

    /// White space taken away, as BERT's pre-tokenizer and WhitespaceSplit take it away.
    static func atWhitespace() throws(TokenizerError) -> Self {
        .split(
            try RegularExpression("[" + BertNormalizer.whitespace.patternText + "]+"), behavior: .removed,
            isInverted: false, description: "white space")
    }

    /// Each punctuation mark by itself, as BERT's pre-tokenizer has it.
    static func atPunctuation() throws(TokenizerError) -> Self {
        .split(
            try RegularExpression("[" + BertNormalizer.punctuation.patternText + "]"), behavior: .isolated,
            isInverted: false, description: "punctuation")
    }
}
