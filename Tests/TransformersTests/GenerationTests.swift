import Foundation
import Kernels
import Tensors
import Testing
import Transformers

@Suite struct GenerationTests {
    private func logits(
        _ model: CausalDecoder, _ parameters: Vector, chunks: [[Int32]], threadCount: Int = 1
    ) throws -> [[Float]] {
        let (cache, logits) = (model.makeCache(), Vector(zeros: model.vocabularySize))
        let workspace = model.makeGenerationWorkspace(threadCount: threadCount)
        return try chunks.map { chunk in
            try model.logits(
                following: chunk, cache: cache, parameters: parameters, workspace: workspace, into: logits)
            return logits.toArray()
        }
    }

    @Test("logits agree with Hugging Face, token by token and in one go", arguments: GoldenModel.names)
    func logitsAgree(name: String) throws {
        let golden = try GoldenModel(name)
        let model = try golden.model(golden.allLinear)
        let parameters = try golden.vector("adapter", layout: model.trainable)
        let expected = try golden.tensors.tensor(named: "logits", shape: [24, 96]).matrix(
            rows: 24, columns: 96)
        // Lengths 7, 1, 140, 12; the golden logits are those of the last 24 tokens.
        let ids = golden.golden.ids
        let single = try logits(model, parameters, chunks: ids[3].map { [$0] })
        for (row, values) in single.enumerated() {
            let difference = relativeDifference(values, expected.row(12 + row).toArray())
            #expect(difference <= 1e-4, "token \(row): \(difference)")
        }
        let cuts = [Array(ids[2][..<129]), Array(ids[2][129..<139]), [ids[2][139]]]
        for threadCount in [1, 2] {
            let chunked = try logits(model, parameters, chunks: cuts, threadCount: threadCount)
            for (values, row) in [(chunked[0], 0), (chunked[1], 10), (chunked[2], 11)] {
                let difference = relativeDifference(values, expected.row(row).toArray())
                #expect(difference <= 1e-4, "row \(row), \(threadCount) threads: \(difference)")
            }
        }
    }

    @Test("greedy text is the likeliest token each time, with or without a cache from before")
    func greedyIsLikeliest() throws {
        let golden = try GoldenModel("llama3-tied")
        let model = try golden.model([:])
        let parameters = Vector(zeros: 0)
        let prompt: [Int32] = [5, 17, 80]
        let generator = TextGenerator(model: model, parameters: parameters, threadCount: 2)
        var streamed: [Int32] = []
        let options = GenerationOptions(maximumNewTokens: 12)
        let first = try generator.generate(prompt: prompt, options: options) { id in
            streamed.append(id)
            return true
        }
        #expect(first.reason == .maximumTokens && first.tokenIDs.count == 12 && streamed == first.tokenIDs)
        var text = prompt
        for id in first.tokenIDs {
            let values = try #require(try logits(model, parameters, chunks: [text]).last)
            #expect(values.indices.max { values[$0] < values[$1] } == Int(id))
            text.append(id)
        }
        // The same prompt again, then one that leaves it in the middle: both from the cache's common part.
        #expect(try generator.generate(prompt: prompt, options: options).tokenIDs == first.tokenIDs)
        let longer = try generator.generate(
            prompt: prompt + first.tokenIDs.prefix(4), options: GenerationOptions(maximumNewTokens: 8))
        #expect(longer.tokenIDs == Array(first.tokenIDs.dropFirst(4)))
    }

    @Test("stops at a stop id, when told to, and when the context is full")
    func stops() throws {
        let golden = try GoldenModel("llama3-tied")
        let model = try golden.model([:])
        let generator = TextGenerator(model: model, parameters: Vector(zeros: 0))
        let free = try generator.generate(prompt: [5, 17], options: .init(maximumNewTokens: 6)).tokenIDs
        let stopID = try #require(free.last)
        let stopped = try generator.generate(
            prompt: [5, 17], options: .init(maximumNewTokens: 50, stopIDs: [stopID]))
        #expect(stopped.reason == .stopID(stopID))
        #expect(stopped.tokenIDs == Array(free.prefix { $0 != stopID }))
        let cancelled = try generator.generate(prompt: [5, 17], options: .init(maximumNewTokens: 50)) { _ in
            false
        }
        #expect(cancelled.reason == .cancelled && cancelled.tokenIDs.count == 1)
        let long = (0..<250).map { Int32($0 % 90) }
        let full = try generator.generate(prompt: long, options: .init(maximumNewTokens: 50))
        #expect(full.reason == .contextFull && full.tokenIDs.count == 256 - 250 + 1)
    }

    @Test("an empty prompt, an unknown id and a prompt beyond the context are refused")
    func refusesPrompts() throws {
        let golden = try GoldenModel("llama3-tied")
        let model = try golden.model([:])
        for (prompt, code) in [
            ([], TransformerError.Code.invalidBatch), ([96], .invalidBatch), ([-1], .invalidBatch),
            (Array(repeating: Int32(1), count: 257), .sequenceTooLong),
        ] {
            let generator = TextGenerator(model: model, parameters: Vector(zeros: 0))
            let error = #expect(throws: TransformerError.self) {
                try generator.generate(prompt: prompt, options: .init(maximumNewTokens: 1))
            }
            #expect(error?.code == code)
        }
    }
}
