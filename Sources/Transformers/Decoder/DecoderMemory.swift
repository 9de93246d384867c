import Kernels
import Layers

/// Counts the Float32 values that a gradient of one micro-batch needs.
///
/// Follows what ``CausalDecoder`` takes from the two arenas of a ``DecoderWorkspace``; the last block computes
/// everything behind its attention for supervised rows only, and blocks below the lowest that is trained keep
/// nothing.
struct DecoderMemory {
    private let design: DecoderDesign
    private let batch: BatchExtent
    private let attention: AttentionShape
    /// Of each block's maps: values kept and values of scratch for a row, by the map's name.
    private var saved: [[String: Int]]
    private var scratchColumns: [[String: Int]]
    private var savedOfHead = 0
    private var scratchOfHead = 0
    /// The lowest block that the way back reaches; the number of blocks when it reaches none.
    private let lowest: Int
    /// Whether the way back goes on below it, to the embedding.
    private let reachesEmbedding: Bool
    /// Whether blocks are computed once more on the way back.
    private let recomputes: Bool
    /// Whether tensors of each block are trained.
    private let trainsTensors: [Bool]

    init(design: DecoderDesign, batch: BatchExtent, trained: TrainedParts, recomputesActivations: Bool) {
        self.design = design
        self.batch = batch
        recomputes = recomputesActivations
        attention = design.attentionShape
        saved = Array(repeating: [:], count: design.layerCount)
        scratchColumns = saved
        for layer in 0..<design.layerCount {
            for map in design.maps {
                let module = design.module(map, layer: layer)
                guard let settings = trained.adapters[module.name] else { continue }
                saved[layer][map.name] = settings.savedColumns(for: module)
                scratchColumns[layer][map.name] = settings.scratchColumns(for: module)
            }
        }
        if let settings = trained.adapters[design.head] {
            savedOfHead = settings.savedColumns(for: design.headModule)
            scratchOfHead = settings.scratchColumns(for: design.headModule)
        }
        let trainedParts = design.weightShapes.filter { trained.tensors[$0.name] != nil }.map(\.part)
        let tables = [design.embeddingModule, design.positionModule].compactMap { $0?.name }
        reachesEmbedding =
            trainedParts.contains { $0 == .embedding || $0 == .tiedEmbedding }
            || tables.contains { trained.adapters[$0] != nil }
        let adapted = saved.map { !$0.isEmpty }
        let trains = adapted.indices.map { trainedParts.contains(.block($0)) }
        trainsTensors = trains
        lowest =
            reachesEmbedding
            ? 0 : adapted.indices.firstIndex { trains[$0] || adapted[$0] } ?? design.layerCount
    }

    /// Bytes of both arenas.
    var byteCount: Int {
        4 * (max(activations, Arena.minimumChunk) + max(scratch, Arena.minimumChunk))
    }

    /// Rows that go through everything behind the attention of `layer`.
    private func rows(_ layer: Int) -> Int {
        layer == design.layerCount - 1 ? batch.supervisedCount : batch.tokenCount
    }

    private func isLast(_ layer: Int) -> Bool { layer == design.layerCount - 1 }

    private func matrix(_ rows: Int, _ columns: Int) -> Int { Arena.occupied(rows * columns) }

    /// What `layer` keeps for the way back, without its output.
    private func kept(_ layer: Int) -> Int {
        let (count, rows) = (batch.tokenCount, rows(layer))
        func adapters(_ maps: [DecoderDesign.Map], _ rows: Int) -> Int {
            maps.reduce(0) { $0 + matrix(rows, saved[layer][$1.name] ?? 0) }
        }
        // Of the feed-forward part all but the last map's result stay.
        let inner = (design.feedForward.maps.count - 1) * matrix(rows, design.innerSize)
        let heads = design.headNorms == nil ? 0 : attention.heads + attention.keyValueHeads
        return matrix(count, design.norm.statisticsColumns) + matrix(count, attention.fusedColumns)
            + normedHeads(count) + matrix(count, heads)
            + matrix(count, attention.queryColumns) + matrix(count, attention.statisticsColumns)
            + adapters(design.inputs.maps, count)
            + (isLast(layer) ? matrix(rows, attention.queryColumns) : 0)
            + matrix(rows, design.hiddenSize) + matrix(rows, design.norm.statisticsColumns) + inner
            + adapters([design.output] + design.feedForward.maps, rows)
    }

    /// Queries and keys once more, before their norms.
    private func normedHeads(_ count: Int) -> Int {
        design.headNorms == nil ? 0 : matrix(count, attention.queryColumns + attention.keyValueColumns)
    }

    /// Values of the arena of activations.
    var activations: Int {
        let stream = matrix(batch.tokenCount, design.hiddenSize)
        let ends = matrix(batch.supervisedCount, design.hiddenSize) + stream * (lowest > 0 ? 2 : 1)
        let passing = (0..<lowest).map(kept).max() ?? 0
        let reached = lowest..<design.layerCount
        let outputs = reached.isEmpty ? 0 : (reached.count - 1) * stream
        let head = matrix(chunk, savedOfHead)
        guard recomputes else {
            return ends + max(passing, outputs + reached.reduce(0) { $0 + kept($1) } + head)
        }
        // One block at a time beside the last, with an output that nobody reads.
        let again = reached.dropLast().map { kept($0) + stream }.max() ?? 0
        return ends + max(passing, outputs + (reached.last.map(kept) ?? 0) + max(again, head))
    }

    /// Rows of logits at a time.
    private var chunk: Int {
        min(
            batch.supervisedCount,
            LanguageModelHead.chunkRows(vocabularySize: design.vocabularySize))
    }

    /// Values of a tile of attention scores.
    private var scores: Int {
        let (rows, columns) = attention.scoresShape(
            queries: batch.longestSequence, keys: batch.longestSequence)
        return matrix(rows, columns)
    }

    /// Values of the arena of scratch.
    var scratch: Int {
        let supervised = matrix(batch.supervisedCount, design.hiddenSize)
        let head = matrix(batch.supervisedCount, design.norm.statisticsColumns) + 2 * supervised
        let logits = matrix(chunk, design.vocabularySize) + matrix(chunk, scratchOfHead)
        let stream = supervised + matrix(batch.tokenCount, design.hiddenSize)
        let forward = (0..<design.layerCount).map(forwardScratch).max() ?? 0
        let backward = (lowest..<design.layerCount).map(backwardScratch).max() ?? 0
        return max(forward, head + max(logits, stream + backward))
    }

    private func scratch(_ maps: [DecoderDesign.Map], of layer: Int, rows: Int) -> Int {
        maps.map { matrix(rows, scratchColumns[layer][$0.name] ?? 0) }.max() ?? 0
    }

    private func forwardScratch(_ layer: Int) -> Int {
        let (count, rows) = (batch.tokenCount, rows(layer))
        let (hidden, inner) = (design.hiddenSize, design.innerSize)
        return matrix(count, hidden)
            + max(scores, (isLast(layer) ? 2 : 1) * matrix(rows, hidden) + matrix(rows, inner))
    }

    private func backwardScratch(_ layer: Int) -> Int {
        let (count, rows) = (batch.tokenCount, rows(layer))
        let (hidden, inner) = (design.hiddenSize, design.innerSize)
        let feedForward =
            2 * matrix(rows, hidden) + 2 * matrix(rows, inner)
            + scratch(design.feedForward.maps, of: layer, rows: rows)
        let heads = matrix(rows, attention.queryColumns)
        let behind = scratch([design.output], of: layer, rows: rows)
        let within =
            (isLast(layer) ? matrix(count, attention.queryColumns) : 0)
            + (layer > lowest || reachesEmbedding || trainsTensors[layer] ? 2 : 1) * matrix(count, hidden)
            + matrix(count, attention.fusedColumns) + normedHeads(count) + 2 * scores
            + scratch(design.inputs.maps, of: layer, rows: count)
        return max(feedForward, heads + max(behind, within))
    }
}
