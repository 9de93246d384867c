import Layers

extension BertModel {
    /// What a cache computes for the texts it lacks.
    func frozenBlocks(pass: LayerPass) -> FrozenBlocks {
        FrozenBlocks(
            count: FrozenBlocks.cacheableCount(lowest: lowestReachedBlock, of: blocks.count),
            embed: { [self] output, ids, places in
                _ = embedding.forward(output: output, ids: ids, places: places, pass: pass)
            },
            forward: { [self] index, output, input, spans in
                _ = blocks[index].forward(
                    output: output, input: input, spans: spans, selected: nil, selectedPass: pass, pass: pass)
            })
    }
}
