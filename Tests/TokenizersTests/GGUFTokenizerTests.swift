import Foundation
import Testing
import Tokenizers

@Suite struct GGUFTokenizerTests {
    /// What a converter writes for one of the small tokenizers.
    private static func metadata(_ name: String, preTokenizer: String) throws -> GGUFTokenizerMetadata {
        let data = Data(try FixtureFiles.bytes("\(name).tokenizer.json"))
        let whole = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let model = try #require(whole["model"] as? [String: Any])
        let added = try #require(whole["added_tokens"] as? [[String: Any]])
        var names = try #require(model["vocab"] as? [String: Int])
        var types: [Int: Int32] = [:]
        for token in added {
            let id = try #require(token["id"] as? Int)
            names[try #require(token["content"] as? String)] = id
            types[id] = token["special"] as? Bool == true ? 3 : 4
        }
        let tokens = names.sorted { $0.value < $1.value }.map(\.key)
        return GGUFTokenizerMetadata(
            model: "gpt2", preTokenizer: preTokenizer, tokens: tokens,
            tokenTypes: tokens.indices.map { types[$0] ?? 1 },
            merges: try #require(model["merges"] as? [[String]]).map { $0.joined(separator: " ") })
    }

    @Test(
        "metadata gives the ids and the canonical description of tokenizer.json",
        arguments: [("smollm", "smollm"), ("qwen2", "qwen2"), ("llama3", "llama-bpe")])
    func sameAsJSON(name: String, preTokenizer: String) throws {
        var metadata = try Self.metadata(name, preTokenizer: preTokenizer)
        metadata.bosTokenID = metadata.tokens.firstIndex(of: "<|begin_of_text|>")
        let tokenizer = try TokenizerLoader.load(gguf: metadata)
        try GoldenTests.check(tokenizer, against: name)
        let begin = metadata.bosTokenID == nil ? "{}" : #"{"bos_token": "<|begin_of_text|>"}"#
        let other = try TokenizerLoader.load(
            tokenizerJSON: FixtureFiles.bytes("\(name).tokenizer.json"),
            otherFiles: ["tokenizer_config.json": Array(begin.utf8)])
        #expect(tokenizer.canonicalDescription == other.canonicalDescription)
    }

    @Test("the canonical description differs when anything that decides ids differs")
    func canonicalDescriptionsDiffer() throws {
        let original = try Self.metadata("smollm", preTokenizer: "smollm")
        var variants = [original]
        func vary(_ change: (inout GGUFTokenizerMetadata) -> Void) {
            var variant = original
            change(&variant)
            variants.append(variant)
        }
        vary { $0.merges.swapAt(3, 4) }
        vary { $0.merges.removeLast() }
        vary { $0.preTokenizer = "gpt-2" }
        vary { $0.preTokenizer = "qwen2" }
        vary { $0.tokenTypes[1] = 1 }
        vary { $0.tokenTypes[1] = 4 }
        vary { $0.eosTokenID = 2 }
        vary { $0.eosTokenID = 1 }
        vary { $0.bosTokenID = 1 }
        vary {
            $0.bosTokenID = 1
            $0.addsBeginOfSequence = true
        }
        vary { $0.addsSpacePrefix = true }
        vary { $0.tokens[0] = "<other>" }
        let descriptions = try variants.map { try TokenizerLoader.load(gguf: $0).canonicalDescription }
        #expect(Set(descriptions).count == variants.count)
    }

    @Test(
        "metadata that is wrong or unknown is refused by name",
        arguments: [
            ("model", "rwkv"), ("preTokenizer", "falcon"), ("noPreTokenizer", "(none)"),
            ("types", "token_type"),
            ("byteType", "6"), ("merge", "a b c"), ("unknownMerge", "nothing"), ("bos", "bos_token_id"),
            ("negativeEOS", "eos_token_id"), ("eot", "eot_token_id"), ("repeated", "<|endoftext|>"),
        ])
    func wrongMetadata(what: String, name: String) throws {
        var metadata = try Self.metadata("smollm", preTokenizer: "smollm")
        switch what {
        case "model": metadata.model = "rwkv"
        case "preTokenizer": metadata.preTokenizer = "falcon"
        case "noPreTokenizer": metadata.preTokenizer = nil
        case "types": metadata.tokenTypes.removeLast()
        case "byteType": metadata.tokenTypes[40] = 6
        case "merge": metadata.merges.append("a b c")
        case "unknownMerge": metadata.merges.append("a nothing")
        case "bos": metadata.bosTokenID = metadata.tokens.count
        case "negativeEOS": metadata.eosTokenID = -1
        case "eot": metadata.endOfTurnTokenID = .max
        default: metadata.tokens[30] = metadata.tokens[0]
        }
        let error = #expect(throws: TokenizerError.self) { try TokenizerLoader.load(gguf: metadata) }
        #expect(error?.description.contains(name) == true, "\(error.map { $0.description } ?? "no error")")
    }

    @Test("the begin-of-sequence token is added where the metadata or its kind says so")
    func beginOfSequence() throws {
        var metadata = try Self.metadata("llama3", preTokenizer: "llama-bpe")
        metadata.bosTokenID = metadata.tokens.firstIndex(of: "<|begin_of_text|>")
        metadata.eosTokenID = metadata.tokens.firstIndex(of: "<|end_of_text|>")
        metadata.endOfTurnTokenID = metadata.tokens.firstIndex(of: "<|eot_id|>")
        let adding = try TokenizerLoader.load(gguf: metadata)
        #expect(adding.addsBeginOfSequence && adding.endTokenIDs.count == 2)
        metadata.addsBeginOfSequence = false
        metadata.addsEndOfSequence = true
        let ending = try TokenizerLoader.load(gguf: metadata)
        #expect(try !ending.addsBeginOfSequence && ending.encode("the").last == ending.eosTokenID)
        #expect(try adding.encode("the").dropFirst() == ending.encode("the").dropLast())
    }

    @Test(
        "written in Hugging Face's form, the metadata is the same tokenizer",
        arguments: ["smollm", "gpt-2", "qwen2", "llama-bpe"], [false, true])
    func writtenForHuggingFace(preTokenizer: String, addsTokens: Bool) throws {
        let name = preTokenizer == "llama-bpe" ? "llama3" : preTokenizer == "qwen2" ? "qwen2" : "smollm"
        var metadata = try Self.metadata(name, preTokenizer: preTokenizer)
        metadata.bosTokenID = metadata.tokenTypes.firstIndex(of: 3)
        metadata.eosTokenID = metadata.tokenTypes.lastIndex(of: 3)
        metadata.addsBeginOfSequence = addsTokens
        metadata.addsEndOfSequence = addsTokens
        metadata.addsSpacePrefix = addsTokens && ["smollm", "gpt-2"].contains(preTokenizer)
        metadata.chatTemplate = "{% for message in messages %}{{ '\n\"\u{1}' }}{% endfor %}"
        let original = try TokenizerLoader.load(gguf: metadata)
        let files = Dictionary(
            uniqueKeysWithValues: try HuggingFaceTokenizerFiles(gguf: metadata).files.map {
                ($0.name, $0.bytes)
            })
        for (name, bytes) in files {
            #expect(throws: Never.self, "\(name)") { try JSONSerialization.jsonObject(with: Data(bytes)) }
        }
        let written = try TokenizerLoader.load(
            tokenizerJSON: try #require(files["tokenizer.json"]), otherFiles: files)
        #expect(written.canonicalDescription == original.canonicalDescription)
        let text = "Hello  world's 1234 naïve 日本\r\n\t<|endoftext|> x"
        #expect(try written.encode(text) == original.encode(text))
    }
}
