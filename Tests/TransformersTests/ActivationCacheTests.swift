import Adapters
import Layers
import Tensors
import Testing
import Transformers

/// Frozen blocks whose results are kept: the bits of a gradient do not depend on what a cache has.
@Suite struct ActivationCacheTests {
    /// The gradient of `batch` with `cache`, from a workspace of its own.
    private func gradient(
        of batch: MicroBatch, _ model: some TransformerModel, _ parameters: Vector, cache: ActivationCache?
    ) throws -> [UInt32] {
        let gradient = Vector(zeros: model.trainable.count)
        let loss = try model.gradient(
            of: batch, parameters: parameters, into: gradient,
            pass: TrainingPass(seed: 9, step: 3, memory: .init(cache: cache)),
            workspace: model.makeWorkspace())
        #expect(gradient.toArray().contains { $0 != 0 })
        return gradient.toArray().map(\.bitPattern) + [Float(loss.lossSum).bitPattern]
    }

    private func check(_ model: some TransformerModel, _ batch: MicroBatch, hiddenSize: Int) throws {
        let parameters = Vector((0..<model.trainable.count).map { Float(($0 * 37) % 101) / 400 - 0.12 })
        let expected = try gradient(of: batch, model, parameters, cache: nil)
        let cache = ActivationCache(byteLimit: 64 << 20)
        // Nothing, then all of it is there.
        for turn in 0..<2 {
            #expect(try gradient(of: batch, model, parameters, cache: cache) == expected, "turn \(turn)")
        }
        let texts = Set(batch.sequences.map { Array(batch.tokenIDs[$0.range]) })
        #expect(cache.byteCount > 0)
        #expect(cache.byteCount <= texts.reduce(0) { $0 + $1.count * 4 * (hiddenSize + 1) })
        // One text is there, the others are not.
        let one = batch.sequences[0]
        let alone = MicroBatch(
            tokenIDs: Array(batch.tokenIDs[one.range]), targets: Array(batch.targets[one.range]),
            sequences: [.init(start: 0, count: one.count, exampleID: one.exampleID)])
        let partly = ActivationCache(byteLimit: 64 << 20)
        _ = try gradient(of: alone, model, parameters, cache: partly)
        #expect(partly.byteCount > 0 && partly.byteCount < cache.byteCount)
        #expect(try gradient(of: batch, model, parameters, cache: partly) == expected)
        #expect(partly.byteCount == cache.byteCount)
        // No room for anything.
        let none = ActivationCache(byteLimit: 1)
        #expect(try gradient(of: batch, model, parameters, cache: none) == expected)
        #expect(none.byteCount == 0)
    }

    @Test("the last block of a decoder alone is trained", arguments: ["llama3-tied", "gpt2", "qwen3"])
    func decoders(name: String) throws {
        let golden = try GoldenModel(name)
        let last = golden.configuration.linearModules.compactMap(\.layer).max() ?? 0
        let model = try golden.model(golden.adapters(dropout: 0.25) { $0.layer == last })
        try check(
            model, packed(golden.golden.ids, golden.golden.targets),
            hiddenSize: golden.configuration.design.hiddenSize)
    }

    @Test("the last block of an encoder and its head are trained", arguments: BertGoldenModel.names)
    func encoders(name: String) throws {
        let golden = try BertGoldenModel(name)
        let configuration = try #require(golden.configuration as? BertConfiguration)
        let last = configuration.linearModules.compactMap(\.layer).max() ?? 0
        let model = try golden.model(golden.adapters(dropout: 0.25) { $0.layer == last })
        try check(
            model, packed(golden.golden.ids, golden.golden.targets), hiddenSize: configuration.hiddenSize)
    }

    @Test("nothing is kept where the first block is trained")
    func nothingBelow() throws {
        let golden = try GoldenModel("llama3-tied")
        let cache = ActivationCache(byteLimit: 64 << 20)
        let model = try golden.model(golden.allLinear)
        _ = try gradient(
            of: packed(golden.golden.ids, golden.golden.targets), model,
            Vector([Float](repeating: 0.02, count: model.trainable.count)), cache: cache)
        #expect(cache.byteCount == 0)
    }
}
