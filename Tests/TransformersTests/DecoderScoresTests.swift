import Kernels
import Tensors
import Testing
import Transformers

@Suite struct DecoderScoresTests {
    @Test("the loss is that of the gradient's forward, sequence by sequence", arguments: GoldenModel.names)
    func lossAgrees(name: String) throws {
        let golden = try GoldenModel(name)
        let model = try golden.model(golden.allLinear)
        let parameters = try golden.vector("adapter", layout: model.trainable)
        let batch = packed(golden.golden.ids, golden.golden.targets)
        let scores = try model.scores(
            of: batch, parameters: parameters, workspace: model.makeWorkspace())
        #expect(scores.map(\.tokenCount) == [5, 1, 94, 8])
        #expect(abs(scores.reduce(0) { $0 + $1.lossSum } / golden.golden.lossSum - 1) <= 1e-4)
    }

    @Test("packed sequences score as each does alone")
    func packingChangesNothing() throws {
        let golden = try GoldenModel("llama3-tied")
        let model = try golden.model([:])
        let (ids, targets) = (golden.golden.ids, golden.golden.targets)
        let workspace = model.makeWorkspace()
        let parameters = Vector(zeros: 0)
        let together = try model.scores(
            of: packed(ids, targets), parameters: parameters, workspace: workspace)
        for (index, score) in together.enumerated() {
            let alone = try model.scores(
                of: packed([ids[index]], [targets[index]]), parameters: parameters, workspace: workspace)
            #expect(alone[0].tokenCount == score.tokenCount)
            #expect(abs(alone[0].lossSum - score.lossSum) <= 1e-4 * score.lossSum)
            #expect(alone[0].greedyMatches == score.greedyMatches)
        }
    }

    @Test(
        "completions that share a prompt score as each with the prompt in front",
        arguments: ["qwen2", "gpt2", "qwen3"])
    func prefixesAreShared(name: String) throws {
        let golden = try GoldenModel(name)
        let model = try golden.model(golden.allLinear)
        let parameters = try golden.vector("adapter", layout: model.trainable)
        let workspace = model.makeWorkspace()
        let prompt = Array(golden.golden.ids[2].prefix(135))
        let completions: [[Int32]] = [[9, 2], [44, 45, 46, 2], [2]]
        // The shared part ends before the prompt's last token, which each continuation starts with.
        var batch = MicroBatch()
        batch.tokenIDs = Array(prompt.dropLast())
        batch.targets = batch.tokenIDs.map { _ in MicroBatch.noTarget }
        batch.sequences = [.init(start: 0, count: 134, exampleID: 0)]
        for completion in completions {
            batch.sequences.append(
                .init(start: batch.tokenCount, count: completion.count, exampleID: 0, prefix: 0))
            batch.tokenIDs += [prompt[134]] + completion.dropLast()
            batch.targets += completion
        }
        // And one that continues a continuation: the second completion's first three tokens, then another end.
        batch.sequences.append(.init(start: batch.tokenCount, count: 1, exampleID: 0, prefix: 2))
        batch.tokenIDs.append(2)
        batch.targets.append(77)
        let shared = try model.scores(of: batch, parameters: parameters, workspace: workspace)
        #expect(shared[0].tokenCount == 0)
        for (index, completion) in (completions + [completions[1] + [77]]).enumerated() {
            let ids = prompt + completion.dropLast()
            var targets = [Int32](repeating: -100, count: 134) + completion
            if index == 3 { targets = targets.dropLast().map { _ in -100 } + [77] }
            let alone = try model.scores(
                of: packed([ids], [targets]), parameters: parameters, workspace: workspace)[0]
            #expect(alone.tokenCount == shared[index + 1].tokenCount)
            #expect(abs(alone.lossSum - shared[index + 1].lossSum) <= 1e-4 * alone.lossSum)
            #expect(alone.greedyMatches == shared[index + 1].greedyMatches)
        }
    }

    @Test("a target that greedy text would have counts as a match")
    func matchesGreedyText() throws {
        let golden = try GoldenModel("llama-untied")
        let model = try golden.model([:])
        let generator = TextGenerator(model: model, parameters: Vector(zeros: 0))
        let text = try generator.generate(prompt: [5, 17], options: .init(maximumNewTokens: 6)).tokenIDs
        var wrong = text
        wrong[5] = (wrong[5] + 1) % 96
        let workspace = model.makeWorkspace()
        for (targets, matches) in [(text, 6), (wrong, 5)] {
            let score = try model.scores(
                of: packed([[5, 17] + text.dropLast()], [[-100] + targets]), parameters: Vector(zeros: 0),
                workspace: workspace)[0]
            #expect(score.greedyMatches == matches && score.tokenCount == 6)
        }
    }
}
