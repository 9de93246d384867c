import Foundation
import Testing
import Tokenizers

/// SentencePiece and WordPiece vocabularies: ids and texts of sentencepiece 0.1.99 for `.model` files, of Hugging Face
/// tokenizers 0.23.3 for the rest.
@Suite struct SubwordGoldenTests {
    /// A folder with one of the fixtures under the name a base has it.
    static func load(_ fixture: String, as name: String, settings: String? = nil) throws -> any Tokenizer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(FixtureFiles.bytes(fixture)).write(to: folder.appending(path: name))
        if let settings { try Data(settings.utf8).write(to: folder.appending(path: "tokenizer_config.json")) }
        return try TokenizerLoader.load(directory: folder.path)
    }

    @Test(
        "tokenizer.json of each kind gives the ids and texts of Hugging Face tokenizers",
        arguments: ["llama2", "unigram", "bert"])
    func json(name: String) throws {
        let tokenizer = try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("\(name).tokenizer.json"))
        try GoldenTests.check(tokenizer, against: name)
    }

    @Test(".model files give the ids and texts of sentencepiece", arguments: ["pairs", "pieces"])
    func models(name: String) throws {
        let tokenizer = try Self.load("\(name).model", as: "tokenizer.model")
        #expect(tokenizer.addsBeginOfSequence && tokenizer.bosTokenID == 1 && tokenizer.eosTokenID == 2)
        try GoldenTests.check(tokenizer, against: name)
    }

    @Test("a .model file's configuration decides what goes around a text")
    func modelConfiguration() throws {
        let plain = try Self.load(
            "pairs.model", as: "tokenizer.model",
            settings: #"{"add_bos_token": false, "add_eos_token": true}"#)
        #expect(try plain.encode("the").last == 2 && plain.encode("the").first != 1)
        let ending = try Self.load(
            "pairs.model", as: "tokenizer.model", settings: #"{"add_eos_token": true}"#)
        #expect(try ending.encode("the").first == 1 && ending.encode("the").last == 2)
    }

    private struct Pieces: Decodable {
        let tokens: [String]
        let scores: [Float]
        let types: [Int32]
    }

    /// What a converter writes for `pairs.model`.
    private static func sentencePieceMetadata() throws -> GGUFTokenizerMetadata {
        let pieces = try JSONDecoder().decode(
            Pieces.self, from: Data(try FixtureFiles.gunzip("pairs.pieces.json.gz")))
        return GGUFTokenizerMetadata(
            model: "llama", preTokenizer: "default", tokens: pieces.tokens, tokenTypes: pieces.types,
            scores: pieces.scores, bosTokenID: 1, eosTokenID: 2, unknownTokenID: 0)
    }

    @Test("GGUF scores give the ids that sentencepiece and tokenizer.json give")
    func scores() throws {
        let tokenizer = try TokenizerLoader.load(gguf: Self.sentencePieceMetadata())
        try GoldenTests.check(tokenizer, against: "llama2")
    }

    @Test("a tokenizer.json made of GGUF scores gives the same ids and texts")
    func scoresAsJSON() throws {
        let files = try HuggingFaceTokenizerFiles(gguf: Self.sentencePieceMetadata()).files
        let json = try #require(files.first { $0.name == "tokenizer.json" })
        let others = files.filter { $0.name != "tokenizer.json" }
        let tokenizer = try TokenizerLoader.load(
            tokenizerJSON: json.bytes,
            otherFiles: Dictionary(others.map { ($0.name, $0.bytes) }, uniquingKeysWith: { $1 }))
        try GoldenTests.check(tokenizer, against: "llama2")
    }

    @Test("GGUF without a space before texts, and with other tokens around them")
    func ggufFlags() throws {
        var metadata = try Self.sentencePieceMetadata()
        metadata.addsSpacePrefix = false
        metadata.addsBeginOfSequence = false
        metadata.addsEndOfSequence = true
        let tokenizer = try TokenizerLoader.load(gguf: metadata)
        let withPrefix = try TokenizerLoader.load(gguf: Self.sentencePieceMetadata())
        let ids = try tokenizer.encode(" the best")
        #expect(try ids.last == 2 && [1] + ids.dropLast() == withPrefix.encode("the best"))
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == " the best")
    }

    @Test(
        "GGUF metadata of SentencePiece that is wrong is refused by name",
        arguments: ["scores", "not a number", "long", "unknown_token_id", "t5"])
    func wrongMetadata(what: String) throws {
        var metadata = try Self.sentencePieceMetadata()
        switch what {
        case "scores": metadata.scores.removeLast()
        case "not a number": metadata.scores[400] = .nan
        case "long": metadata.tokens[600] = String(repeating: "abcdefgh", count: 64)
        case "unknown_token_id": metadata.unknownTokenID = metadata.tokens.count
        default: metadata.model = "t5"
        }
        let error = #expect(throws: TokenizerError.self) { try TokenizerLoader.load(gguf: metadata) }
        let names = ["long": "512 bytes", "not a number": "score"]
        #expect(
            error?.description.contains(names[what] ?? what) == true, "\(error.map { $0.description } ?? "")")
    }

    /// What a converter writes for the WordPiece fixture.
    private static func wordPieceMetadata() throws -> GGUFTokenizerMetadata {
        let names = try vocabulary()
        return GGUFTokenizerMetadata(
            model: "bert", preTokenizer: "bert-bge",
            tokens: names.enumerated().map { id, name in
                id < 5
                    ? name
                    : name.utf8.starts(with: "##".utf8)
                        ? String(name.unicodeScalars.dropFirst(2)) : "\u{2581}" + name
            }, tokenTypes: names.indices.map { $0 < 5 ? 3 : 1 }, unknownTokenID: 1, classTokenID: 2,
            separatorTokenID: 3)
    }

    private static func vocabulary() throws -> [String] {
        let whole = try JSONSerialization.jsonObject(with: Data(FixtureFiles.bytes("bert.tokenizer.json")))
        let model = try #require((whole as? [String: Any])?["model"] as? [String: Any])
        return try #require(model["vocab"] as? [String: Int]).sorted { $0.value < $1.value }.map(\.key)
    }

    @Test("a BERT vocabulary from GGUF gives the ids and texts of its tokenizer.json")
    func wordPieceGGUF() throws {
        try GoldenTests.check(try TokenizerLoader.load(gguf: Self.wordPieceMetadata()), against: "bert")
    }

    @Test("vocab.txt gives the ids and texts of tokenizer.json, and its configuration is heeded")
    func vocabularyText() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = try Self.vocabulary().joined(separator: "\n") + "\n"
        try Data(text.utf8).write(to: folder.appending(path: "vocab.txt"))
        let tokenizer = try TokenizerLoader.load(directory: folder.path)
        try GoldenTests.check(tokenizer, against: "bert")
        #expect(tokenizer.padTokenID == 0 && tokenizer.addedTokens.map(\.id) == [0, 1, 2, 3, 4])
        let settings = folder.appending(path: "tokenizer_config.json")
        try Data(#"{"do_lower_case": false, "tokenize_chinese_chars": false}"#.utf8).write(to: settings)
        let cased = try TokenizerLoader.load(directory: folder.path)
        #expect(
            try cased.encode("The", addSpecialTokens: false)
                != tokenizer.encode("The", addSpecialTokens: false))
        try Data(#"{"cls_token": "[BEGIN]"}"#.utf8).write(to: settings)
        let error = #expect(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.path) }
        #expect(error?.description.contains("[BEGIN]") == true)
    }

    @Test("vocab.json with merges.txt gives the ids of tokenizer.json; another class than GPT-2's is refused")
    func oldBytePairs() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let whole = try JSONSerialization.jsonObject(with: Data(FixtureFiles.bytes("gpt2.tokenizer.json")))
        let model = try #require((whole as? [String: Any])?["model"] as? [String: Any])
        try JSONSerialization.data(withJSONObject: try #require(model["vocab"] as? [String: Int]))
            .write(to: folder.appending(path: "vocab.json"))
        #expect(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.path) }
        let merges = try #require(model["merges"] as? [String])
        try Data("#version: 0.2\n\(merges.joined(separator: "\n"))\n".utf8)
            .write(to: folder.appending(path: "merges.txt"))
        try GoldenTests.check(try TokenizerLoader.load(directory: folder.path), against: "gpt2")
        try Data(#"{"tokenizer_class": "Qwen2Tokenizer"}"#.utf8)
            .write(to: folder.appending(path: "tokenizer_config.json"))
        let error = #expect(throws: TokenizerError.self) { try TokenizerLoader.load(directory: folder.path) }
        #expect(error?.description.contains("Qwen2Tokenizer") == true)
    }

    private struct Variants: Decodable {
        struct Case: Decodable {
            let name: String
            let base: String
            let ids: [[Int32]]
            let sequences: [[Int32]]
            let texts: [String]
        }
        let strings: [Int]
        let cases: [Case]
    }

    @Test("every way of normalising, splitting and decoding gives what Hugging Face tokenizers gives")
    func variants() throws {
        let bytes = try FixtureFiles.gunzip("subword-variants.json.gz")
        let variants = try JSONDecoder().decode(Variants.self, from: Data(bytes))
        let whole = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        let patches = try #require(whole["cases"] as? [[String: Any]])
        let strings = try FixtureFiles.strings()
        for (variant, patch) in zip(variants.cases, patches) {
            let base = try #require(
                try JSONSerialization.jsonObject(
                    with: Data(FixtureFiles.bytes("\(variant.base).tokenizer.json"))) as? [String: Any])
            let patch = try #require(patch["patch"] as? [String: Any])
            let description = try JSONSerialization.data(withJSONObject: base.merging(patch) { $1 })
            let tokenizer = try TokenizerLoader.load(tokenizerJSON: Array(description))
            var failures: [String] = []
            for (index, expected) in zip(variants.strings, variant.ids) {
                let ids = try tokenizer.encode(bytes: strings[index], addSpecialTokens: true)
                if ids != expected {
                    failures.append(
                        "\(String(decoding: strings[index], as: UTF8.self).debugDescription) \(ids) expected \(expected)"
                    )
                }
            }
            for (sequence, expected) in zip(variant.sequences, variant.texts) {
                let text = tokenizer.decode(sequence, skipSpecialTokens: false)
                if Array(text.utf8) != Array(expected.utf8) {
                    failures.append(
                        "\(sequence) \(text.debugDescription) expected \(expected.debugDescription)")
                }
            }
            #expect(
                failures.isEmpty,
                "\(variant.name): \(failures.count) differ: \(failures.prefix(3).joined(separator: "\n"))")
        }
    }

    @Test("tokens of marked segments are marked, whatever stands before and between words")
    func segments() throws {
        let tokenizers: [any Tokenizer] = [
            try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("llama2.tokenizer.json")),
            try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("unigram.tokenizer.json")),
            try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("bert.tokenizer.json")),
            try Self.load("pairs.model", as: "tokenizer.model"),
            try Self.load("pieces.model", as: "tokenizer.model"),
        ]
        for (index, tokenizer) in tokenizers.enumerated() {
            let segments = [
                TextSegment("the capital \u{2581}of France:", isMarked: false),
                TextSegment(" it's 12 ﬁne Ünïts 中文", isMarked: true),
                TextSegment(" and the rest", isMarked: false),
            ]
            let marked = try tokenizer.encode(segments: segments, addSpecialTokens: false)
            #expect(
                try marked.ids == tokenizer.encode(segments.map(\.text).joined(), addSpecialTokens: false))
            let first = try #require(marked.isMarked.firstIndex(of: true))
            let last = try #require(marked.isMarked.lastIndex(of: true))
            #expect(marked.isMarked[first...last].allSatisfy { $0 })
            let middle = tokenizer.decode(Array(marked.ids[first...last]), skipSpecialTokens: false)
            #expect(
                middle.contains("it") && !middle.contains("France") && !middle.contains("rest"),
                "\(index): \(middle)")
        }
    }

    // A cost that grew with the square of a text's length would take hours.
    @Test(
        "long texts are encoded in time and come back", .timeLimit(.minutes(5)),
        arguments: ["a", " ", "a ", "中", "1", "!", "\u{2581}", "e\u{301}", "<s>", "<", "the best of "])
    func longTexts(unit: String) throws {
        let text = String(repeating: unit, count: 50_000)
        for tokenizer in [
            try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("llama2.tokenizer.json")),
            try TokenizerLoader.load(gguf: Self.sentencePieceMetadata()),
            try Self.load("pairs.model", as: "tokenizer.model"),
        ] {
            let ids = try tokenizer.encode(text, addSpecialTokens: false)
            let expected = text.replacing("\u{2581}", with: " ")
            let decoded = tokenizer.decode(ids, skipSpecialTokens: false)
            // A control token is followed by a text of its own, with a space before it.
            if unit != "<s>" { #expect(decoded == expected) } else { #expect(ids.count == 50_000) }
        }
        for name in ["unigram", "bert"] {
            let tokenizer = try TokenizerLoader.load(
                tokenizerJSON: FixtureFiles.bytes("\(name).tokenizer.json"))
            _ = tokenizer.decode(try tokenizer.encode(text), skipSpecialTokens: false)
        }
    }

    @Test("shoal tokenize gives the text back that it was given", arguments: ["llama2", "pairs"])
    func roundTrip(name: String) throws {
        let tokenizer =
            name == "pairs"
            ? try Self.load("pairs.model", as: "tokenizer.model", settings: #"{"add_bos_token": false}"#)
            : try TokenizerLoader.load(
                tokenizerJSON: FixtureFiles.bytes("llama2.tokenizer.json"),
                otherFiles: ["tokenizer_config.json": Array(#"{"add_bos_token": false}"#.utf8)])
        let text = "The capital of France is Paris.\n  indented\tand 中文 🐟\nlast\n"
        let ids = try TokenizeCommandLines.run(
            Array(text.utf8), decodes: false, isWhole: true, with: tokenizer)
        let back = try TokenizeCommandLines.run(
            Array(ids.utf8), decodes: true, isWhole: true, with: tokenizer)
        #expect(back == text)
        let lines = try TokenizeCommandLines.run(
            Array(text.utf8), decodes: false, isWhole: false, with: tokenizer)
        #expect(
            try TokenizeCommandLines.run(Array(lines.utf8), decodes: true, isWhole: false, with: tokenizer)
                == text)
    }
}
