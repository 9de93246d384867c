import Kernels
public import Layers
public import Tensors

/// An encoder of BERT's kind with a head: its weights, frozen or trained, and the adapters attached to its linear maps.
///
/// The base's own dropout (`hidden_dropout_prob`, `attention_probs_dropout_prob`) is not applied.
///
/// - Thread: any number at a time, each with its own workspace; the model itself never changes.
public final class BertModel: TransformerModel {
    public let configuration: BertConfiguration
    public let trainable: ParameterLayout
    let weights: any WeightSource
    let embedding: BertEmbedding
    let blocks: [BertBlock]
    let head: BertHead
    /// The lowest block that the way back reaches: the first with something to train, or the very first where the
    /// embedding is trained; the number of blocks when nothing below the head is.
    let lowestReachedBlock: Int
    /// Whether tensors of the base below the head are trained, whose gradients are large.
    private let trainsBase: Bool
    /// Whether the gradient of the words is a head's, too.
    private let sharesWords: Bool

    /// Takes the weights by name and attaches adapters; what is trained enters ``trainable`` in forward order.
    ///
    /// - Throws: ``TransformerError`` with code `.unknownModule` when `trained` names what this model has not,
    ///   `.invalidWeights` for a base without the head that the task needs, or what `weights` throws.
    public init(
        configuration: BertConfiguration, weights: any WeightSource, trained: TrainedParts = .none
    ) throws {
        BLAS.configureSingleThreaded()
        try configuration.requireKnown(trained)
        var builder = BertBuilder(configuration: configuration, weights: weights, trained: trained)
        embedding = try builder.embedding()
        var blocks: [BertBlock] = []
        for layer in 0..<configuration.layerCount { blocks.append(try builder.block(layer)) }
        head = try builder.head(words: embedding.words)
        trainable = builder.layout
        trainsBase = configuration.weightShapes.contains {
            trained.tensors[$0.name] != nil && !configuration.isOfHead($0.name)
        }
        sharesWords = configuration.task == .maskedLanguageModel && !trained.unties
        lowestReachedBlock =
            embedding.isTrainable ? 0 : blocks.firstIndex { $0.isTrainable } ?? blocks.count
        self.blocks = blocks
        self.configuration = configuration
        self.weights = weights
    }

    public func makeWorkspace() -> BertWorkspace { BertWorkspace() }

    public var takesSeveralBatches: Bool {
        ProductVariant.inUse != .blas && !trainsBase && head.takesSeveralBatches
    }

    private var limits: BatchRows.Limits {
        BatchRows.Limits(
            vocabularySize: configuration.vocabularySize,
            targetCount: configuration.task.labels?.count ?? configuration.vocabularySize,
            contextLength: configuration.contextLength)
    }

    public func gradient(
        of batches: [MicroBatch], parameters: Vector, into gradients: [Vector], pass: TrainingPass,
        workspace: BertWorkspace
    ) throws -> [LossSum] {
        precondition(
            batches.count == gradients.count && parameters.count == trainable.count
                && gradients.allSatisfy { $0.count == trainable.count }
                && (batches.count == 1 || takesSeveralBatches),
            "\(batches.count) micro-batches with \(parameters.count) parameters and \(gradients.count) gradients"
        )
        try weights.checkIntact()
        let supervisedCounts = batches.map(\.supervisedTokenCount)
        // Without a target there is no loss, and the gradient is zero.
        let wanted = batches.indices.filter { supervisedCounts[$0] > 0 }
        var losses = Array(repeating: LossSum(), count: batches.count)
        for index in batches.indices where !wanted.contains(index) {
            fill(gradients[index], with: 0)
            try workspace.rows.load(batches[index], limits: limits)
        }
        guard !wanted.isEmpty else { return losses }
        let batch = MicroBatch(joining: wanted.map { batches[$0] })
        try workspace.rows.load(batch, limits: limits)
        let training = LayerPass(
            parameters: parameters,
            gradients: RowGradient.consecutive(wanted.map { (batches[$0].tokenCount, gradients[$0]) }),
            dropout: DropoutPass(seed: pass.seed, step: pass.step, rows: workspace.rows.dropout),
            activations: workspace.activations, scratch: workspace.scratch)
        var supervised = training
        supervised.gradients = RowGradient.consecutive(wanted.map { (supervisedCounts[$0], gradients[$0]) })
        supervised.dropout?.rows = workspace.rows.supervisedDropout
        workspace.reset()
        let lossSums = forwardBackward(
            batch, memory: pass.memory, workspace: workspace, pass: training, supervised: supervised)
        try weights.checkIntact()
        for (index, lossSum) in zip(wanted, lossSums) {
            losses[index] = LossSum(lossSum: lossSum, tokenCount: Int64(supervisedCounts[index]))
        }
        return losses
    }

    /// Of each row, its place in the table of positions. RoBERTa counts from behind the padding token's id, and passes over
    /// padding, which has that id's own.
    private func places(of batch: MicroBatch, positions: [Int32]) -> [Int32] {
        guard let padding = configuration.paddingID else { return positions }
        var place = padding
        return zip(batch.tokenIDs, positions).map { id, position in
            if position == 0 { place = padding }
            guard id != padding else { return padding }
            place += 1
            return place
        }
    }

    /// The forward of `batch` up to the rows that have a target.
    ///
    /// - Parameters:
    ///   - lowestKept: the first block that `workspace` keeps for the way back.
    ///   - memory: of a training pass; where blocks are computed once more, all is kept of the last one all the same, since the
    ///     way back needs it at once.
    /// - Returns: what the last block makes of them [M, C], and what the embedding kept, in `pass.activations`; nothing where a
    ///   cache stands in for it.
    private func forward(
        _ batch: MicroBatch, keepsFrom lowestKept: Int, memory: ActivationMemory = .init(),
        workspace: BertWorkspace,
        pass: LayerPass, supervised: LayerPass
    ) -> (hidden: Matrix, embedded: BertEmbedding.Activations?) {
        let (kept, columns) = (pass.activations, configuration.hiddenSize)
        let rows = workspace.rows
        let result = kept.matrix(rows: rows.supervisedRows.count, columns: columns)
        var stream = kept.matrix(rows: batch.tokenCount, columns: columns)
        // Below the lowest trained block two matrices take turns as input and output.
        var other = lowestKept > 0 ? kept.matrix(rows: batch.tokenCount, columns: columns) : stream
        let places = places(of: batch, positions: rows.positions)
        let frozen = frozenBlocks(pass: pass)
        var first = 0
        var embedded: BertEmbedding.Activations?
        if let cache = memory.cache, frozen.count > 0 {
            first = frozen.count
            frozen.run(into: stream, rows: rows, places: places, cache: cache, arena: kept)
        } else {
            embedded = embedding.forward(output: stream, ids: batch.tokenIDs, places: places, pass: pass)
        }
        for (index, block) in blocks.enumerated().dropFirst(first) {
            let isLast = index == blocks.count - 1
            let isKept = index >= lowestKept
            let output =
                isLast ? result : isKept ? kept.matrix(rows: batch.tokenCount, columns: columns) : other
            let mark = kept.mark
            let activations = block.forward(
                output: output, input: stream, spans: rows.spans,
                selected: isLast ? rows.supervisedRows : nil, selectedPass: isLast ? supervised : pass,
                pass: pass)
            let keepsAll = isKept && (isLast || !memory.recomputes)
            if isKept { workspace.blocks.append(keepsAll ? .activations(activations) : .input(stream)) }
            if !keepsAll { kept.release(to: mark) }
            (stream, other) = (output, stream)
        }
        return (result, embedded)
    }

    private func forwardBackward(
        _ batch: MicroBatch, memory: ActivationMemory, workspace: BertWorkspace, pass: LayerPass,
        supervised: LayerPass
    ) -> [Double] {
        let (hidden, embedded) = forward(
            batch, keepsFrom: lowestReachedBlock, memory: memory, workspace: workspace, pass: pass,
            supervised: supervised)
        let rows = workspace.rows
        let reachesBlocks = lowestReachedBlock < blocks.count
        let dHidden =
            reachesBlocks ? pass.scratch.matrix(rows: hidden.rows, columns: hidden.columns) : nil
        let lossSums = head.gradient(
            dHidden: dHidden, hidden: hidden, targets: rows.supervisedTargets,
            parts: supervised.gradients.map { $0.rows.clamped(to: 0..<hidden.rows) }, pass: supervised)
        guard let dHidden else { return lossSums }
        func stream() -> Matrix { pass.scratch.matrix(rows: batch.tokenCount, columns: hidden.columns) }
        var (dOutput, dInput, other) = (dHidden, stream(), stream())
        for index in stride(from: blocks.count - 1, through: lowestReachedBlock, by: -1) {
            let isLast = index == blocks.count - 1
            let mark = pass.activations.mark
            defer { pass.activations.release(to: mark) }
            blocks[index].backward(
                dInput: dInput, dOutput: dOutput,
                activations: activations(of: index, workspace: workspace, pass: pass), spans: rows.spans,
                selected: isLast ? rows.supervisedRows : nil,
                selectedPass: isLast ? supervised : pass,
                reachesInput: index > lowestReachedBlock || embedding.isTrainable, pass: pass)
            (dOutput, dInput, other) = (dInput, other, dInput)
        }
        if let embedded {
            embedding.backward(
                dOutput: dOutput, activations: embedded, ids: batch.tokenIDs, wordsAccumulate: sharesWords,
                pass: pass)
        }
        return lossSums
    }

    /// What the backward of block `index` reads: kept, or computed once more. The last block is always kept.
    private func activations(of index: Int, workspace: BertWorkspace, pass: LayerPass)
        -> BertBlock.Activations
    {
        switch workspace.blocks[index - lowestReachedBlock] {
        case .activations(let activations): activations
        case .input(let input):
            blocks[index].forward(
                output: pass.activations.matrix(rows: input.rows, columns: input.columns), input: input,
                spans: workspace.rows.spans, selected: nil, selectedPass: pass, pass: pass)
        }
    }

    public func scores(of batch: MicroBatch, parameters: Vector, workspace: BertWorkspace) throws
        -> [SequenceScore]
    {
        precondition(
            parameters.count == trainable.count, "\(parameters.count) parameters for \(trainable.count)")
        try workspace.rows.load(batch, limits: limits)
        try weights.checkIntact()
        var scores: [(token: TokenScore, predicted: Int?)] = []
        if !workspace.rows.supervisedRows.isEmpty {
            let pass = LayerPass(
                parameters: parameters, gradients: [], dropout: nil, activations: workspace.activations,
                scratch: workspace.scratch)
            workspace.reset()
            let hidden = forward(
                batch, keepsFrom: blocks.count, workspace: workspace, pass: pass, supervised: pass
            ).hidden
            scores = head.scores(
                hidden: hidden, targets: workspace.rows.supervisedTargets, pass: pass)
            try weights.checkIntact()
        }
        var next = 0
        return batch.sequences.map { sequence in
            var score = SequenceScore(lossSum: 0, tokenCount: 0, greedyMatches: 0)
            for row in sequence.range where batch.targets[row] != MicroBatch.noTarget {
                score.lossSum += scores[next].token.loss
                score.tokenCount += 1
                score.greedyMatches += scores[next].token.isGreedyMatch ? 1 : 0
                score.predictedClass = scores[next].predicted
                next += 1
            }
            return score
        }
    }
}
