import Kernels
public import Layers
public import Tensors

/// A causal decoder of any family that a ``DecoderDesign`` describes: its weights, frozen or trained, and the adapters
/// attached to its linear maps.
///
/// - Thread: any number at a time, each with its own workspace; the model itself never changes.
public final class CausalDecoder: GenerativeModel {
    public let configuration: any DecoderConfiguration
    public let trainable: ParameterLayout
    let design: DecoderDesign
    let weights: any WeightSource
    let embedding: EmbeddingLayer
    /// The table of learned positions.
    let positions: EmbeddingLayer?
    let blocks: [DecoderBlock]
    let finalNorm: any Normalization
    let head: LanguageModelHead
    /// The lowest block that the way back reaches: the first with something to train, or the very first where the
    /// embedding is trained or adapted; the number of blocks when nothing below the final norm is.
    let lowestReachedBlock: Int
    let rotary: RotaryTable?
    private let trainsBase: Bool
    /// Whether the gradient of the head's matrix is the embedding's, too.
    private let headSharesEmbedding: Bool

    /// Takes the weights by name and attaches adapters; what is trained enters ``trainable`` in forward order.
    ///
    /// - Throws: ``TransformerError`` with code `.unknownModule` when `trained` names what this model has not, or what
    ///   `weights` throws.
    public init(
        configuration: any DecoderConfiguration, weights: any WeightSource, trained: TrainedParts = .none
    ) throws {
        BLAS.configureSingleThreaded()
        try configuration.requireKnown(trained)
        let design = configuration.design
        var builder = DecoderBuilder(design: design, weights: weights, trained: trained)
        embedding = try builder.embedding()
        positions = try builder.positions()
        var blocks: [DecoderBlock] = []
        for layer in 0..<design.layerCount { blocks.append(try builder.block(layer)) }
        finalNorm = try builder.norm(design.finalNorm)
        head = try builder.head(embedding: embedding)
        trainable = builder.layout
        trainsBase = !trained.tensors.isEmpty
        headSharesEmbedding = design.headSharesEmbedding(trained)
        lowestReachedBlock =
            embedding.isTrainable || positions?.isTrainable == true
            ? 0 : blocks.firstIndex { $0.isTrainable } ?? blocks.count
        if case .rotary(let table) = design.positions { rotary = table } else { rotary = nil }
        self.design = design
        self.blocks = blocks
        self.configuration = configuration
        self.weights = weights
    }

    public func makeWorkspace() -> DecoderWorkspace { DecoderWorkspace(rotary: rotary) }

    /// Not with tensors of the base, whose gradients are too large to hold several for the sake of small products.
    public var takesSeveralBatches: Bool {
        ProductVariant.inUse != .blas && !head.projection.isTrainable && !trainsBase
    }

    public func gradient(
        of batches: [MicroBatch], parameters: Vector, into gradients: [Vector], pass: TrainingPass,
        workspace: DecoderWorkspace
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
            try workspace.load(batches[index], configuration: configuration, isTraining: true)
        }
        guard !wanted.isEmpty else { return losses }
        let batch = MicroBatch(joining: wanted.map { batches[$0] })
        try workspace.load(batch, configuration: configuration, isTraining: true)
        let training = LayerPass(
            parameters: parameters,
            gradients: RowGradient.consecutive(
                wanted.map { (batches[$0].tokenCountToLastTargets, gradients[$0]) }),
            dropout: DropoutPass(seed: pass.seed, step: pass.step, rows: workspace.rows.dropout),
            activations: workspace.activations, scratch: workspace.scratch)
        var supervised = training
        supervised.gradients = RowGradient.consecutive(wanted.map { (supervisedCounts[$0], gradients[$0]) })
        supervised.dropout?.rows = workspace.rows.supervisedDropout
        workspace.reset()
        let lossSums = forwardBackward(
            workspace: workspace, memory: pass.memory, pass: training, supervised: supervised)
        try weights.checkIntact()
        for (index, lossSum) in zip(wanted, lossSums) {
            losses[index] = LossSum(lossSum: lossSum, tokenCount: Int64(supervisedCounts[index]))
        }
        return losses
    }

    /// The forward of what `workspace` has loaded, up to the final norm, of the rows that have a target.
    ///
    /// - Parameters:
    ///   - lowestKept: the first block that `workspace` keeps for the way back.
    ///   - memory: of a training pass; where blocks are computed once more, all is kept of the last one all the same, since the
    ///     way back needs it at once.
    /// - Returns: the residual stream behind the last block [M, C], in `pass.activations`.
    func forward(
        keepsFrom lowestKept: Int, memory: ActivationMemory = .init(), workspace: DecoderWorkspace,
        pass: LayerPass,
        supervised: LayerPass
    ) -> Matrix {
        let kept = pass.activations
        let (count, columns) = (workspace.rows.tokenIDs.count, design.hiddenSize)
        let result = kept.matrix(rows: workspace.rows.supervisedRows.count, columns: columns)
        var stream = kept.matrix(rows: count, columns: columns)
        // Below the lowest trained block two matrices take turns as input and output.
        var other = lowestKept > 0 ? kept.matrix(rows: count, columns: columns) : stream
        let frozen = frozenBlocks(workspace: workspace, pass: pass)
        var first = 0
        if let cache = memory.cache, frozen.count > 0 {
            first = frozen.count
            frozen.run(
                into: stream, rows: workspace.rows, places: workspace.rows.positions, cache: cache,
                arena: kept)
        } else {
            embed(workspace.rows.tokenIDs, positions: workspace.rows.positions, output: stream, pass: pass)
        }
        for (index, block) in blocks.enumerated().dropFirst(first) {
            let isLast = index == blocks.count - 1
            let isKept = index >= lowestKept
            let output =
                isLast ? result : isKept ? kept.matrix(rows: count, columns: columns) : other
            let mark = kept.mark
            let activations = block.forward(
                output: output, input: stream, reach: .spans(workspace.rows.spans),
                selected: isLast ? workspace.rows.supervisedRows : nil,
                selectedPass: isLast ? supervised : pass, rotary: workspace.rotary, pass: pass)
            let keepsAll = isKept && (isLast || !memory.recomputes)
            if isKept { workspace.blocks.append(keepsAll ? .activations(activations) : .input(stream)) }
            if !keepsAll { kept.release(to: mark) }
            (stream, other) = (output, stream)
        }
        return result
    }

    private func forwardBackward(
        workspace: DecoderWorkspace, memory: ActivationMemory, pass: LayerPass, supervised: LayerPass
    ) -> [Double] {
        let last = forward(
            keepsFrom: lowestReachedBlock, memory: memory, workspace: workspace, pass: pass,
            supervised: supervised)
        let (rows, columns) = (last.rows, last.columns)
        let scratch = pass.scratch
        let statistics = scratch.vector(rows * finalNorm.statisticsColumns)
        let hidden = scratch.matrix(rows: rows, columns: columns)
        finalNorm.forward(output: hidden, statistics: statistics, input: last, pass: supervised)
        let reachesBlocks = lowestReachedBlock < blocks.count
        let dHidden =
            reachesBlocks || finalNorm.isTrainable ? scratch.matrix(rows: rows, columns: columns) : nil
        let lossSums = head.gradient(
            dHidden: dHidden, hidden: hidden, targets: workspace.rows.supervisedTargets,
            parts: supervised.gradients.map { $0.rows.clamped(to: 0..<rows) }, pass: supervised)
        guard let dHidden else { return lossSums }
        let dSupervised = reachesBlocks ? scratch.matrix(rows: rows, columns: columns) : nil
        if let dSupervised { fill(dSupervised, with: 0) }
        finalNorm.backward(
            dInput: dSupervised, dOutput: dHidden, input: last, statistics: statistics, pass: supervised)
        guard let dSupervised else { return lossSums }
        let dStream = scratch.matrix(rows: workspace.rows.tokenIDs.count, columns: columns)
        for index in stride(from: blocks.count - 1, through: lowestReachedBlock, by: -1) {
            let isLast = index == blocks.count - 1
            let mark = pass.activations.mark
            defer { pass.activations.release(to: mark) }
            blocks[index].backward(
                dInput: dStream, dStream: isLast ? dSupervised : dStream,
                activations: activations(of: index, workspace: workspace, pass: pass),
                spans: workspace.rows.spans,
                selected: isLast ? workspace.rows.supervisedRows : nil,
                selectedPass: isLast ? supervised : pass,
                reachesInput: index > lowestReachedBlock || trainsBelowBlocks,
                rotary: workspace.rotary, pass: pass)
        }
        embedding.backward(
            dOutput: dStream, ids: workspace.rows.tokenIDs, accumulates: headSharesEmbedding, pass: pass)
        positions?.backward(dOutput: dStream, ids: workspace.rows.positions, accumulates: false, pass: pass)
        return lossSums
    }

    /// What the backward of block `index` reads: kept, or computed once more. The last block is always kept.
    private func activations(
        of index: Int, workspace: DecoderWorkspace, pass: LayerPass
    ) -> DecoderBlock.Activations {
        switch workspace.blocks[index - lowestReachedBlock] {
        case .activations(let activations): activations
        case .input(let input):
            blocks[index].forward(
                output: pass.activations.matrix(rows: input.rows, columns: input.columns), input: input,
                reach: .spans(workspace.rows.spans), selected: nil, selectedPass: pass,
                rotary: workspace.rotary, pass: pass)
        }
    }

    /// Whether the embedding or the learned positions are trained.
    private var trainsBelowBlocks: Bool { embedding.isTrainable || positions?.isTrainable == true }

    /// The residual stream before the first block: the embedding, and the learned positions if there are such.
    ///
    /// - Shapes: `output` [N, C]; `ids`, `places` [N].
    func embed(_ ids: [Int32], positions places: [Int32], output: Matrix, pass: LayerPass) {
        embedding.forward(output: output, ids: ids, pass: pass)
        guard let positions else { return }
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let learned = pass.scratch.matrix(rows: output.rows, columns: output.columns)
        positions.forward(output: learned, ids: places, pass: pass)
        add(output: output, output, learned)
    }
}
