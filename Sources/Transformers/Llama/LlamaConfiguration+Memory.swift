import Kernels
public import Layers

extension LlamaConfiguration {
    /// Follows what ``LlamaModel`` takes from the two arenas of a ``LlamaWorkspace``; the last block computes
    /// everything behind its attention for supervised rows only, and blocks below the lowest that is trained keep
    /// nothing.
    public func workspaceByteCount(for batch: BatchExtent, trained: TrainedParts) -> Int {
        let estimate = LlamaMemory(configuration: self, batch: batch, trained: trained)
        return 4
            * (max(estimate.activations, Arena.minimumChunk) + max(estimate.scratch, Arena.minimumChunk))
    }
}

/// Counts the Float32 values that a gradient of one micro-batch needs.
private struct LlamaMemory {
    private let configuration: LlamaConfiguration
    private let batch: BatchExtent
    private let attention: AttentionShape
    /// Of each block's maps: values kept and values of scratch for a row, by the last part of the module's name.
    private var saved: [[String: Int]]
    private var scratchColumns: [[String: Int]]
    private var savedOfHead = 0
    private var scratchOfHead = 0
    /// The lowest block that the way back reaches; the number of blocks when it reaches none.
    private let lowest: Int
    /// Whether the way back goes on below it, to the embedding.
    private let reachesEmbedding: Bool
    /// Whether tensors of each block are trained.
    private let trainsTensors: [Bool]

    init(configuration: LlamaConfiguration, batch: BatchExtent, trained: TrainedParts) {
        self.configuration = configuration
        self.batch = batch
        attention = AttentionShape(
            heads: configuration.attentionHeads, keyValueHeads: configuration.keyValueHeads,
            headDimension: configuration.headDimension)
        saved = Array(repeating: [:], count: configuration.layerCount)
        scratchColumns = saved
        for module in configuration.linearModules {
            guard let settings = trained.adapters[module.name] else { continue }
            let name = module.name.split(separator: ".").last.map(String.init) ?? module.name
            if let layer = module.layer {
                saved[layer][name] = settings.savedColumns(for: module)
                scratchColumns[layer][name] = settings.scratchColumns(for: module)
            } else {
                savedOfHead = settings.savedColumns(for: module)
                scratchOfHead = settings.scratchColumns(for: module)
            }
        }
        let trainedParts = configuration.weightShapes.filter { trained.tensors[$0.name] != nil }.map(\.part)
        reachesEmbedding =
            trainedParts.contains { $0 == .embedding || $0 == .tiedEmbedding }
            || trained.adapters[configuration.embeddingModule.name] != nil
        let adapted = saved.map { !$0.isEmpty }
        let trains = adapted.indices.map { trainedParts.contains(.block($0)) }
        trainsTensors = trains
        lowest =
            reachesEmbedding
            ? 0 : adapted.indices.firstIndex { trains[$0] || adapted[$0] } ?? configuration.layerCount
    }

    private static let attentionInputs = ["q_proj", "k_proj", "v_proj"]
    private static let behindAttention = ["o_proj", "gate_proj", "up_proj", "down_proj"]

    /// Rows that go through everything behind the attention of `layer`.
    private func rows(_ layer: Int) -> Int {
        layer == configuration.layerCount - 1 ? batch.supervisedCount : batch.tokenCount
    }

    private func isLast(_ layer: Int) -> Bool { layer == configuration.layerCount - 1 }

    private func matrix(_ rows: Int, _ columns: Int) -> Int { Arena.occupied(rows * columns) }

    /// What `layer` keeps for the way back, without its output.
    private func kept(_ layer: Int) -> Int {
        let (count, rows) = (batch.tokenCount, rows(layer))
        func adapters(_ names: [String], _ rows: Int) -> Int {
            names.reduce(0) { $0 + matrix(rows, saved[layer][$1] ?? 0) }
        }
        return matrix(count, 1) + 2 * matrix(count, attention.keyValueColumns)
            + 2 * matrix(count, attention.queryColumns) + matrix(count, attention.statisticsColumns)
            + adapters(Self.attentionInputs, count)
            + (isLast(layer) ? matrix(rows, attention.queryColumns) : 0)
            + matrix(rows, configuration.hiddenSize) + matrix(rows, 1)
            + 2 * matrix(rows, configuration.intermediateSize) + adapters(Self.behindAttention, rows)
    }

    /// Values of the arena of activations.
    var activations: Int {
        let stream = matrix(batch.tokenCount, configuration.hiddenSize)
        let ends = matrix(batch.supervisedCount, configuration.hiddenSize) + stream * (lowest > 0 ? 2 : 1)
        let passing = (0..<lowest).map(kept).max() ?? 0
        let staying = (lowest..<configuration.layerCount).reduce(0) {
            $0 + kept($1) + (isLast($1) ? 0 : stream)
        }
        return ends + max(passing, staying + matrix(chunk, savedOfHead))
    }

    /// Rows of logits at a time.
    private var chunk: Int {
        min(
            batch.supervisedCount,
            LanguageModelHead.chunkRows(vocabularySize: configuration.vocabularySize))
    }

    /// Values of a tile of attention scores.
    private var scores: Int {
        matrix(min(batch.longestSequence, AttentionShape.tileRows), batch.longestSequence)
    }

    /// Values of the arena of scratch.
    var scratch: Int {
        let supervised = matrix(batch.supervisedCount, configuration.hiddenSize)
        let head = matrix(batch.supervisedCount, 1) + 2 * supervised
        let logits = matrix(chunk, configuration.vocabularySize) + matrix(chunk, scratchOfHead)
        let stream = supervised + matrix(batch.tokenCount, configuration.hiddenSize)
        let forward = (0..<configuration.layerCount).map(forwardScratch).max() ?? 0
        let backward = (lowest..<configuration.layerCount).map(backwardScratch).max() ?? 0
        return max(forward, head + max(logits, stream + backward))
    }

    private func scratch(_ names: [String], of layer: Int, rows: Int) -> Int {
        names.map { matrix(rows, scratchColumns[layer][$0] ?? 0) }.max() ?? 0
    }

    private func forwardScratch(_ layer: Int) -> Int {
        let (count, rows) = (batch.tokenCount, rows(layer))
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        return matrix(count, hidden)
            + max(scores, (isLast(layer) ? 2 : 1) * matrix(rows, hidden) + matrix(rows, inner))
    }

    private func backwardScratch(_ layer: Int) -> Int {
        let (count, rows) = (batch.tokenCount, rows(layer))
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let feedForward =
            2 * matrix(rows, hidden) + 2 * matrix(rows, inner)
            + scratch(["gate_proj", "up_proj", "down_proj"], of: layer, rows: rows)
        let heads = matrix(rows, attention.queryColumns)
        let behind = scratch(["o_proj"], of: layer, rows: rows)
        let within =
            (isLast(layer) ? matrix(count, attention.queryColumns) : 0)
            + (layer > lowest || reachesEmbedding || trainsTensors[layer] ? 2 : 1) * matrix(count, hidden)
            + matrix(count, attention.queryColumns)
            + 2 * matrix(count, attention.keyValueColumns) + 2 * scores
            + scratch(Self.attentionInputs, of: layer, rows: count)
        return max(feedForward, heads + max(behind, within))
    }
}
