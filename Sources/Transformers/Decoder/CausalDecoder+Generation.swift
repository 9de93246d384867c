import Kernels
import Layers
public import Tensors

extension CausalDecoder {
    public var vocabularySize: Int { configuration.vocabularySize }
    public var contextLength: Int { configuration.contextLength }

    public func makeGenerationWorkspace(threadCount: Int) -> DecoderWorkspace {
        DecoderWorkspace(rotary: rotary, products: ProductThreads(threadCount: threadCount))
    }

    public func makeCache() -> KeyValueCache {
        KeyValueCache(layerCount: blocks.count, columns: design.attentionShape.keyValueColumns)
    }

    public func logits(
        following tokenIDs: [Int32], cache: KeyValueCache, parameters: Vector, workspace: DecoderWorkspace,
        into logits: Vector
    ) throws {
        precondition(
            parameters.count == trainable.count && logits.count == vocabularySize,
            "\(parameters.count) parameters for \(trainable.count), \(logits.count) logits")
        try check(tokenIDs, cached: cache.count)
        try weights.checkIntact()
        let (count, columns) = (tokenIDs.count, design.hiddenSize)
        workspace.reset()
        workspace.rotary?.reserve(positions: cache.count + count)
        cache.reserve(count)
        let pass = LayerPass(
            parameters: parameters, gradients: [], dropout: nil, activations: workspace.activations,
            scratch: workspace.scratch, products: workspace.products)
        let last = pass.scratch.matrix(rows: 1, columns: columns)
        var stream = pass.scratch.matrix(rows: count, columns: columns)
        var other = pass.scratch.matrix(rows: count, columns: columns)
        embed(
            tokenIDs, positions: (cache.count..<cache.count + count).map { Int32($0) }, output: stream,
            pass: pass)
        for (index, block) in blocks.enumerated() {
            let isLast = index == blocks.count - 1
            let output = isLast ? last : other
            let mark = pass.activations.mark
            _ = block.forward(
                output: output, input: stream,
                reach: .cache(cache.rows(layer: index, additional: count)),
                selected: isLast ? [Int32(count - 1)] : nil, selectedPass: pass, rotary: workspace.rotary,
                pass: pass)
            pass.activations.release(to: mark)
            (stream, other) = (output, stream)
        }
        let hidden = pass.scratch.matrix(rows: 1, columns: columns)
        finalNorm.forward(
            output: hidden, statistics: pass.scratch.vector(finalNorm.statisticsColumns), input: last,
            pass: pass)
        _ = head.projection.forward(
            output: logits.matrix(rows: 1, columns: vocabularySize), input: hidden, pass: pass)
        try weights.checkIntact()
        cache.advance(by: count)
    }

    private func check(_ tokenIDs: [Int32], cached: Int) throws {
        guard !tokenIDs.isEmpty else {
            throw TransformerError(.invalidBatch, "there is no token to continue; the prompt is empty")
        }
        if let id = tokenIDs.first(where: { $0 < 0 || Int($0) >= vocabularySize }) {
            throw TransformerError(
                .invalidBatch,
                "token id \(id), the vocabulary has \(vocabularySize); is it this base's tokenizer?")
        }
        guard cached + tokenIDs.count <= contextLength else {
            throw TransformerError(
                .sequenceTooLong,
                "the text has \(cached + tokenIDs.count) tokens, this model attends over \(contextLength)")
        }
    }
}
