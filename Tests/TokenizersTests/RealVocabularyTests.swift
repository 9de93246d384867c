import Foundation
import Testing
import Tokenizers

/// Real vocabularies with the ids others expect of them; scripts/fetch-tokenizer-suites fetches them.
enum TokenizerSuites {
    static let folder = ProcessInfo.processInfo.environment["SHOAL_TOKENIZER_SUITES"]
    static let absence: Comment =
        "SHOAL_TOKENIZER_SUITES names no folder of scripts/fetch-tokenizer-suites with this"

    /// The path of a file of the suites, or nil when it was not fetched.
    static func path(_ name: String) -> String? {
        folder.map { "\($0)/\(name)" }.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
    }
}

/// llama.cpp's own texts and ids for its vocabulary-only GGUF files (source of llama-cpp-python 0.3.36, folder
/// vendor/llama.cpp/models), which its authors made with Hugging Face tokenizers.
@Suite(.enabled(if: TokenizerSuites.path("llama.cpp") != nil, TokenizerSuites.absence))
struct LlamaCppSuiteTests {
    @Test(
        "ids are those llama.cpp expects",
        arguments: [
            "gpt-2", "llama-bpe", "llama-spm", "bert-bge", "qwen2", "phi-3", "starcoder", "refact",
            "command-r",
        ])
    func expectedIDs(name: String) throws {
        let path = try #require(TokenizerSuites.path("llama.cpp/ggml-vocab-\(name).gguf"))
        let tokenizer = try TokenizerLoader.load(gguf: GGUFMetadataReader.tokenizerMetadata(path: path))
        let input = String(decoding: try Data(contentsOf: URL(filePath: path + ".inp")), as: UTF8.self)
        let output = String(decoding: try Data(contentsOf: URL(filePath: path + ".out")), as: UTF8.self)
        var texts = input.components(separatedBy: "\n__ggml_vocab_test__\n")
        if texts.last?.isEmpty == true { texts.removeLast() }
        let expected = output.split(separator: "\n", omittingEmptySubsequences: false).prefix(texts.count)
        #expect(texts.count > 40 && expected.count == texts.count)
        for (text, line) in zip(texts, expected) {
            let ids = try tokenizer.encode(text, addSpecialTokens: false)
            #expect(ids == line.split(separator: " ").compactMap { Int32($0) }, "\(text.debugDescription)")
        }
    }
}

/// Vocabularies from other packages, against the ids of sentencepiece and Hugging Face tokenizers.
@Suite struct RealVocabularyTests {
    @Test(
        "GPT-2's encoder.json and vocab.bpe give the ids of Hugging Face tokenizers",
        .enabled(if: TokenizerSuites.path("gpt2") != nil, TokenizerSuites.absence))
    func gpt2() throws {
        let folder = try #require(TokenizerSuites.path("gpt2"))
        try GoldenTests.check(try TokenizerLoader.load(directory: folder), against: "gpt2-real")
    }

    @Test(
        "Mistral's SentencePiece model gives the ids of sentencepiece",
        .enabled(if: TokenizerSuites.path("mistral") != nil, TokenizerSuites.absence))
    func mistral() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mistral-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            atPath: try #require(TokenizerSuites.path("mistral/mistral_instruct_tokenizer_240323.model.v3")),
            toPath: folder.appending(path: "tokenizer.model").path)
        try GoldenTests.check(try TokenizerLoader.load(directory: folder.path), against: "mistral-v3")
    }

    @Test(
        "MiniLM's tokenizer.json and its vocab.txt give the ids of Hugging Face tokenizers",
        .enabled(if: TokenizerSuites.path("minilm") != nil, TokenizerSuites.absence))
    func miniLM() throws {
        let folder = try #require(TokenizerSuites.path("minilm"))
        try GoldenTests.check(try TokenizerLoader.load(directory: folder), against: "minilm")
        let other = FileManager.default.temporaryDirectory.appending(path: "minilm-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: other) }
        for name in ["vocab.txt", "tokenizer_config.json"] {
            try FileManager.default.copyItem(
                atPath: "\(folder)/\(name)", toPath: other.appending(path: name).path)
        }
        try GoldenTests.check(try TokenizerLoader.load(directory: other.path), against: "minilm")
    }
}
