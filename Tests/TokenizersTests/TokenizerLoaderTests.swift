import Foundation
import Testing
import Tokenizers

/// Files that say something unusual, wrong or hostile: read as Hugging Face reads them, or refused by name.
@Suite struct TokenizerLoaderTests {
    private static func base(_ name: String = "gpt2") throws -> [String: Any] {
        let data = Data(try FixtureFiles.bytes("\(name).tokenizer.json"))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private static func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// Loads gpt2.tokenizer.json with the members of `patch` in place of its own; those of "model" are merged.
    private static func load(patch: String, files: [String: String] = [:]) throws -> any Tokenizer {
        var description = try base()
        for (key, value) in try json(patch) {
            if key == "model", let changes = value as? [String: Any],
                let model = description[key] as? [String: Any]
            {
                description[key] = model.merging(changes) { $1 }
            } else {
                description[key] = value
            }
        }
        let bytes = Array(try JSONSerialization.data(withJSONObject: description))
        return try TokenizerLoader.load(tokenizerJSON: bytes, otherFiles: files.mapValues { Array($0.utf8) })
    }

    @Test(
        "what is not supported is refused by name",
        arguments: [
            (#"{"model": {"type": "WordPiece"}}"#, "WordPiece"),
            (#"{"model": {"type": "Unigram"}}"#, "Unigram"),
            (#"{"model": {"dropout": 0.1}}"#, "dropout"),
            (#"{"model": {"byte_fallback": true}}"#, "byte_fallback"),
            (#"{"model": {"end_of_word_suffix": "</w>"}}"#, "end_of_word_suffix"),
            (#"{"model": {"continuing_subword_prefix": "-"}}"#, "continuing_subword_prefix"),
            (#"{"model": {"new_option": 3}}"#, "new_option"), (#"{"surprise": {}}"#, "surprise"),
            (#"{"version": "2.0"}"#, "2.0"), (#"{"normalizer": {"type": "Lowercase"}}"#, "Lowercase"),
            (#"{"normalizer": {"type": "NFC", "more": 1}}"#, "more"),
            (#"{"pre_tokenizer": {"type": "Metaspace"}}"#, "ByteLevel"),
            (#"{"pre_tokenizer": {"type": "Digits", "individual_digits": true}}"#, "ByteLevel"),
            (#"{"pre_tokenizer": null}"#, "pre_tokenizer"),
            (
                #"{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]}}"#,
                "Digits"
            ),
            (
                #"{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Isolated"}}"#,
                #"\w"#
            ),
            (
                #"{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Scattered"}}"#,
                "Scattered"
            ),
            (
                #"{"post_processor": {"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", -2]}}"#,
                "cls"
            ),
            (#"{"decoder": {"type": "WordPiece"}}"#, "WordPiece"), (#"{"decoder": null}"#, "decoder"),
        ])
    func unsupportedIsNamed(patch: String, name: String) throws {
        let error = #expect(throws: TokenizerError.self) { try Self.load(patch: patch) }
        #expect(error?.description.contains(name) == true, "\(error.map { $0.description } ?? "no error")")
    }

    @Test(
        "patterns that Oniguruma and PCRE2 read differently, or only one reads, are refused",
        arguments: [
            "^a", "a$", #"\b"#, #"\h"#, #"\R"#, #"\X"#, #"\K"#, #"(a)\1"#, "(?i)a", "(?<name>a)", "(?#c)",
            "[[a]b]",
            "[a&&b]", "[]a]", "[b-a]", "[a-\\s]", #"\p{Han}"#, #"\pL"#, "a{2}{3}", "a{2}+", "a{2}?", "a++?",
            "a{,}",
            "a{3,2}", "a{100000}", "{a", "(a", "a)", "(?i:ss)", "(?i:é)", "(?i:[à-ü])", #"\x{110000}"#,
            #"\u12"#,
            #"\xE9"#, "[a", #"a\"#, "*a", "(*VERB)", "+", #"\cA"#, #"\Qa\E"#, #"[[:alpha:]]"#,
            String(repeating: "(", count: 100) + String(repeating: ")", count: 100),
        ])
    func doubtfulPatternsAreRefused(pattern: String) throws {
        var description = try Self.base()
        description["pre_tokenizer"] = [
            "type": "Sequence",
            "pretokenizers": [
                ["type": "Split", "pattern": ["Regex": pattern], "behavior": "Isolated"],
                ["type": "ByteLevel", "use_regex": false, "add_prefix_space": false],
            ],
        ]
        let bytes = Array(try JSONSerialization.data(withJSONObject: description))
        let error = #expect(throws: TokenizerError.self) { try TokenizerLoader.load(tokenizerJSON: bytes) }
        #expect(error?.code == .unsupported)
    }

    @Test("a pattern that backtracks without end gives an error instead of hanging")
    func catastrophicPatternsAreStopped() throws {
        var description = try Self.base()
        description["pre_tokenizer"] = [
            "type": "Sequence",
            "pretokenizers": [
                ["type": "Split", "pattern": ["Regex": "(?:a|a)*[bc]"], "behavior": "Isolated"],
                ["type": "ByteLevel", "use_regex": false, "add_prefix_space": false],
            ],
        ]
        let tokenizer = try TokenizerLoader.load(
            tokenizerJSON: Array(try JSONSerialization.data(withJSONObject: description)))
        let error = #expect(throws: TokenizerError.self) {
            try tokenizer.encode(String(repeating: "a", count: 60))
        }
        #expect(error?.code == .patternFailed)
    }

    @Test(
        "wrong contents are named",
        arguments: [
            (#"{"model": {"merges": ["a b c"]}}"#, "a b c"), (#"{"model": {"merges": ["ab"]}}"#, "ab"),
            (#"{"model": {"merges": [["a", "nothing"]]}}"#, "nothing"),
            (#"{"model": {"merges": [1]}}"#, "merges"),
            (#"{"model": {"merges": [["a"]]}}"#, "merges"), (#"{"model": {"vocab": {"a": -1}}}"#, "a"),
            (#"{"model": {"vocab": {"a": 1e3}}}"#, "a"),
            (#"{"model": {"vocab": {"a": 2147483647}, "merges": []}}"#, "2147483647"),
            (#"{"model": {"vocab": {"a": 99999999999999999999}}}"#, "a"),
            (#"{"model": {"vocab": []}}"#, "vocab"),
            (#"{"model": {"vocab": {"a": 5, "b": 5}, "merges": []}}"#, "5"), (#"{"model": 7}"#, "model"),
            (#"{"model": {"unk_token": "?unk?"}}"#, "?unk?"), (#"{"added_tokens": {}}"#, "added_tokens"),
            (#"{"added_tokens": [{"id": 3, "content": "the"}]}"#, "3"),
            (#"{"added_tokens": [{"id": 900000, "content": "far"}]}"#, "900000"),
            (#"{"added_tokens": [{"id": -4, "content": "x"}]}"#, "id"),
            (#"{"added_tokens": [{"id": 4}]}"#, "content"),
            (
                #"{"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}]}}"#,
                "<s>"
            ),
        ])
    func wrongContentsAreNamed(patch: String, name: String) throws {
        let error = #expect(throws: TokenizerError.self) { try Self.load(patch: patch) }
        #expect(error?.description.contains(name) == true, "\(error.map { $0.description } ?? "no error")")
    }

    @Test(
        "text that is not JSON is refused with its place",
        arguments: [
            "", "{", "[", "nul", "{\"a\": 1,}", "[1 2]", "{\"a\" 1}", "\"\\x\"", "\"\\ud800\"", "\"\\u12\"",
            "01", "1.",
            "--1", "1e999", "{\"a\": 1} x", "\"a\nb\"", "{\"a\": 1, \"a\": 2}", "{1: 2}", "\u{1}", "1e",
            String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
        ])
    func notJSON(text: String) throws {
        let error = #expect(throws: TokenizerError.self) {
            try TokenizerLoader.load(tokenizerJSON: Array(text.utf8))
        }
        #expect(error?.code == .malformed && error?.context == "tokenizer.json")
    }

    @Test("files cut short or with bytes changed never trap")
    func damagedFiles() throws {
        let whole = try FixtureFiles.bytes("flags.tokenizer.json")
        for count in stride(from: 0, to: whole.count - 2, by: 997) {
            #expect(throws: TokenizerError.self) {
                try TokenizerLoader.load(tokenizerJSON: Array(whole[..<count]))
            }
        }
        var generator = LinearCongruentialGenerator(state: 42)
        for _ in 0..<60 {
            var bytes = whole
            for _ in 0..<3 {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            // Most are refused; some still load, and then must work.
            if let tokenizer = try? TokenizerLoader.load(tokenizerJSON: bytes) {
                let ids = try tokenizer.encode("The quick <left> brown\u{301} fox", addSpecialTokens: true)
                #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularyCount })
            }
        }
    }

    @Test("special tokens come from the configuration, or else from the files beside it")
    func specialTokens() throws {
        let tokenizer = try Self.load(
            patch: "{}",
            files: [
                "tokenizer_config.json":
                    #"{"eos_token": {"content": "<|endoftext|>"}, "bos_token": "!", "add_bos_token": true}"#,
                "special_tokens_map.json": #"{"eos_token": "the", "pad_token": "\""}"#,
                "generation_config.json": ##"{"eos_token_id": [0, 7], "bos_token_id": 5}"##,
            ])
        #expect(tokenizer.eosTokenID == 0 && tokenizer.endTokenIDs == [0, 7])
        #expect(
            tokenizer.bosTokenID == tokenizer.id(ofToken: "!")
                && tokenizer.padTokenID == tokenizer.id(ofToken: "\""))
        #expect(tokenizer.addsBeginOfSequence && tokenizer.isSpecialToken(tokenizer.bosTokenID ?? -1))
        let ids = try tokenizer.encode("the", addSpecialTokens: true)
        let plain = try tokenizer.encode("the", addSpecialTokens: false)
        #expect(ids.first == tokenizer.bosTokenID && ids.dropFirst() == plain[...])
        let fromModel = try Self.load(
            patch: "{}", files: ["config.json": #"{"eos_token_id": 3, "bos_token_id": 4}"#])
        #expect(fromModel.eosTokenID == 3 && fromModel.bosTokenID == 4 && !fromModel.addsBeginOfSequence)
    }

    @Test("a file's own word on begin-of-sequence tokens replaces the template of tokenizer.json")
    func addBeginOfSequence() throws {
        func ids(_ configuration: String) throws -> [Int32] {
            try TokenizerLoader.load(
                tokenizerJSON: FixtureFiles.bytes("llama3.tokenizer.json"),
                otherFiles: ["tokenizer_config.json": Array(configuration.utf8)]
            ).encode("the", addSpecialTokens: true)
        }
        let begin = #""bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>""#
        let plain = try ids("{\(begin), \"add_bos_token\": false}")
        #expect(try ids("{\(begin)}").dropFirst() == plain[...])
        #expect(try ids("{\(begin), \"add_eos_token\": true}").dropLast() == plain[...])
    }

    @Test(
        "a chat template is read from each place it may stand in",
        arguments: [
            ["tokenizer_config.json": #"{"chat_template": "text"}"#],
            [
                "tokenizer_config.json":
                    #"{"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "text"}]}"#
            ],
            ["chat_template.jinja": "text", "tokenizer_config.json": #"{"chat_template": "other"}"#],
        ])
    func chatTemplates(files: [String: String]) throws {
        #expect(try Self.load(patch: "{}", files: files).chatTemplateText == "text")
    }

    @Test(
        "special tokens that do not exist are refused",
        arguments: [
            ["tokenizer_config.json": #"{"pad_token": "[PAD]"}"#],
            ["generation_config.json": #"{"eos_token_id": 5000}"#],
            ["generation_config.json": #"{"eos_token_id": "x"}"#],
            ["tokenizer_config.json": #"{"bos_token": 5}"#],
            ["tokenizer_config.json": #"{"added_tokens_decoder": {"0": {"content": "other"}}}"#],
            ["tokenizer_config.json": #"{"added_tokens_decoder": {"5000": {"content": "the"}}}"#],
            ["tokenizer_config.json": #"{"added_tokens_decoder": {"x": {"content": "the"}}}"#],
            ["tokenizer_config.json": #"{"add_bos_token": "yes"}"#], ["tokenizer_config.json": "[]"],
            ["tokenizer_config.json": #"{"chat_template": 3}"#], ["config.json": "{"],
        ])
    func wrongConfigurations(files: [String: String]) throws {
        #expect(throws: TokenizerError.self) { try Self.load(patch: "{}", files: files) }
    }

    @Test("a directory without tokenizer.json is named")
    func missingFile() throws {
        let error = #expect(throws: TokenizerError.self) {
            try TokenizerLoader.load(directory: "/no/such/folder")
        }
        #expect(error?.code == .unreadableFile && error?.description.contains("/no/such/folder") == true)
    }
}

/// Numbers that are the same in every run (Knuth's MMIX constants).
struct LinearCongruentialGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 32)
    }
}
