import Foundation
import Testing
import Tokenizers

/// llama.cpp's own texts and ids for its vocabulary-only GGUF files (sdist of llama-cpp-python 0.3.36, folder
/// vendor/llama.cpp/models), which its authors made with Hugging Face tokenizers.
@Suite(
    .enabled(
        if: LlamaCppFolder.path != nil,
        "SHOAL_LLAMA_CPP_MODELS names no folder with ggml-vocab-*.gguf of llama.cpp"))
struct LlamaCppSuiteTests {
    @Test("ids are those llama.cpp expects", arguments: ["gpt-2", "llama-bpe", "qwen2"])
    func expectedIDs(name: String) throws {
        let path = try #require(LlamaCppFolder.path) + "/ggml-vocab-\(name).gguf"
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

enum LlamaCppFolder {
    static let path = ProcessInfo.processInfo.environment["SHOAL_LLAMA_CPP_MODELS"]
}
