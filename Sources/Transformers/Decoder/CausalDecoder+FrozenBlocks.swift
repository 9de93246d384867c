import Layers

extension CausalDecoder {
    /// What a cache computes for the texts it lacks.
    func frozenBlocks(workspace: DecoderWorkspace, pass: LayerPass) -> FrozenBlocks {
        FrozenBlocks(
            count: FrozenBlocks.cacheableCount(lowest: lowestReachedBlock, of: blocks.count),
            embed: { [self] output, ids, places in
                embed(ids, positions: places, output: output, pass: pass)
            },
            forward: { [self] index, output, input, spans in
                _ = blocks[index].forward(
                    output: output, input: input, reach: .spans(spans), selected: nil, selectedPass: pass,
                    rotary: workspace.rotary, pass: pass)
            })
    }
}
