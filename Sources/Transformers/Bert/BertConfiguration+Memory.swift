import Kernels
public import Layers

extension BertConfiguration {
    /// Follows what ``BertModel`` takes from the two arenas of a ``BertWorkspace``; the last block computes everything
    /// behind its attention for supervised rows only, and blocks below the lowest that is trained keep nothing.
    public func workspaceByteCount(
        for batch: BatchExtent, trained: TrainedParts, recomputesActivations: Bool
    ) -> Int {
        var extent = batch
        // A text has one class, at the first of at least two tokens.
        if task.labels != nil {
            extent.supervisedCount = min(batch.supervisedCount, max(1, batch.tokenCount / 2))
        }
        let estimate = BertMemory(
            configuration: self, batch: extent, trained: trained, recomputes: recomputesActivations)
        return 4
            * (max(estimate.activations, Arena.minimumChunk) + max(estimate.scratch, Arena.minimumChunk))
    }
}

/// Counts the Float32 values that a gradient of one micro-batch needs.
private struct BertMemory {
    private typealias Module = BertFamily.BlockModule
    private let configuration: BertConfiguration
    private let batch: BatchExtent
    private let trained: TrainedParts
    /// Whether blocks are computed once more on the way back.
    private let recomputes: Bool
    /// The lowest block that the way back reaches; the number of blocks when it reaches none.
    private let lowest: Int

    init(configuration: BertConfiguration, batch: BatchExtent, trained: TrainedParts, recomputes: Bool) {
        self.configuration = configuration
        self.batch = batch
        self.trained = trained
        self.recomputes = recomputes
        var lowest = configuration.layerCount
        for module in configuration.linearModules where trained.adapters[module.name] != nil {
            lowest = min(lowest, module.layer ?? configuration.layerCount)
        }
        for shape in configuration.weightShapes where trained.tensors[shape.name] != nil {
            switch shape.part {
            case .block(let block): lowest = min(lowest, block)
            case .embedding, .tiedEmbedding: lowest = 0
            case .finalNorm, .head: break
            }
        }
        self.lowest = lowest
    }

    private func matrix(_ rows: Int, _ columns: Int) -> Int { Arena.occupied(rows * columns) }

    private func isLast(_ layer: Int) -> Bool { layer == configuration.layerCount - 1 }
    /// Rows that go through everything behind the attention of `layer`.
    private func rows(_ layer: Int) -> Int { isLast(layer) ? batch.supervisedCount : batch.tokenCount }

    private func saved(_ parts: [Module], _ layer: Int, rows: Int) -> Int {
        parts.reduce(0) { sum, part in
            let module = configuration.linearModule(part, layer: layer)
            return sum + matrix(rows, trained.adapters[module.name]?.savedColumns(for: module) ?? 0)
        }
    }

    private func scratch(_ parts: [Module], _ layer: Int, rows: Int) -> Int {
        parts.map { part in
            let module = configuration.linearModule(part, layer: layer)
            return matrix(rows, trained.adapters[module.name]?.scratchColumns(for: module) ?? 0)
        }.max() ?? 0
    }

    private static let statistics = LayerNormLayer.statisticsColumns

    /// What `layer` keeps for the way back, without its output.
    private func kept(_ layer: Int) -> Int {
        let (count, rows, columns) = (batch.tokenCount, rows(layer), configuration.hiddenSize)
        return 4 * matrix(count, columns) + matrix(count, configuration.attentionShape.statisticsColumns)
            + saved([.query, .key, .value], layer, rows: count) + (isLast(layer) ? matrix(rows, columns) : 0)
            + 3 * matrix(rows, columns) + 2 * matrix(rows, Self.statistics)
            + matrix(rows, configuration.intermediateSize)
            + saved([.attentionOutput, .up, .down], layer, rows: rows)
    }

    /// Values of the arena of activations.
    var activations: Int {
        let stream = matrix(batch.tokenCount, configuration.hiddenSize)
        let ends =
            matrix(batch.supervisedCount, configuration.hiddenSize) + stream * (lowest > 0 ? 3 : 2)
            + matrix(batch.tokenCount, Self.statistics)
        let passing = (0..<lowest).map(kept).max() ?? 0
        let reached = lowest..<configuration.layerCount
        let outputs = reached.isEmpty ? 0 : (reached.count - 1) * stream
        let head = configuration.linearModules.filter { $0.layer == nil }.reduce(0) { sum, module in
            sum + matrix(batch.supervisedCount, trained.adapters[module.name]?.savedColumns(for: module) ?? 0)
        }
        guard recomputes else {
            return ends + max(passing, outputs + reached.reduce(0) { $0 + kept($1) } + head)
        }
        // One block at a time beside the last, with an output that nobody reads.
        let again = reached.dropLast().map { kept($0) + stream }.max() ?? 0
        return ends + max(passing, outputs + (reached.last.map(kept) ?? 0) + max(again, head))
    }

    /// Values of a tile of attention scores.
    private var scores: Int {
        let (rows, columns) = configuration.attentionShape.scoresShape(
            queries: batch.longestSequence, keys: batch.longestSequence)
        return matrix(rows, columns)
    }

    /// Values of the arena of scratch.
    var scratch: Int {
        let stream = matrix(batch.tokenCount, configuration.hiddenSize)
        let supervised = matrix(batch.supervisedCount, configuration.hiddenSize)
        let forward = (0..<configuration.layerCount).map(forwardScratch).max() ?? 0
        let backward = (lowest..<configuration.layerCount).map(backwardScratch).max() ?? 0
        return max(2 * stream, forward, supervised + max(headScratch, 2 * stream + max(backward, stream)))
    }

    private var headScratch: Int {
        let rows = batch.supervisedCount
        let supervised = matrix(rows, configuration.hiddenSize)
        let adapters = configuration.linearModules.filter { $0.layer == nil }.map { module in
            matrix(rows, trained.adapters[module.name]?.scratchColumns(for: module) ?? 0)
        }
        let adapter = adapters.max() ?? 0
        if let count = configuration.task.labels?.count {
            return 2 * supervised + matrix(rows, count) + adapter
        }
        let chunk = min(
            rows, LanguageModelHead.chunkRows(vocabularySize: configuration.vocabularySize))
        return 5 * supervised + matrix(rows, Self.statistics)
            + max(matrix(chunk, configuration.vocabularySize), adapter) + adapter
    }

    private func forwardScratch(_ layer: Int) -> Int {
        let rows = rows(layer)
        return max(
            scores,
            (isLast(layer) ? matrix(rows, configuration.hiddenSize) : 0)
                + matrix(rows, configuration.intermediateSize)
                + scratch(Module.allCases, layer, rows: batch.tokenCount))
    }

    private func backwardScratch(_ layer: Int) -> Int {
        let (count, rows) = (batch.tokenCount, rows(layer))
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let feedForward = 2 * matrix(rows, inner) + scratch([.up, .down], layer, rows: rows)
        let behind = scratch([.attentionOutput], layer, rows: rows)
        let within =
            (isLast(layer) ? 2 : 0) * matrix(count, hidden) + 3 * matrix(count, hidden) + 2 * scores
            + scratch([.query, .key, .value], layer, rows: count)
        return 2 * matrix(rows, hidden) + max(feedForward, matrix(rows, hidden) + max(behind, within))
    }
}
