import Kernels
public import Layers
public import Tensors

/// A decoder of the Llama family: its weights, frozen or trained, and the adapters attached to its linear maps.
///
/// - Thread: any number at a time, each with its own workspace; the model itself never changes.
public final class LlamaModel: GenerativeModel {
    public let configuration: LlamaConfiguration
    public let trainable: ParameterLayout
    let weights: any WeightSource
    let embedding: EmbeddingLayer
    let blocks: [LlamaBlock]
    let finalNorm: RMSNormLayer
    let head: LanguageModelHead
    /// The lowest block that the way back reaches: the first with something to train, or the very first where the
    /// embedding is trained or adapted; the number of blocks when nothing below the final norm is.
    let lowestReachedBlock: Int
    let rotary: RotaryTable
    private let trainsBase: Bool
    /// Whether the gradient of the head's matrix is the embedding's, too.
    private let headSharesEmbedding: Bool

    /// Takes the weights by name and attaches adapters; what is trained enters ``trainable`` in forward order.
    ///
    /// - Throws: ``TransformerError`` with code `.unknownModule` when `trained` names what this model has not, or what
    ///   `weights` throws.
    public init(
        configuration: LlamaConfiguration, weights: any WeightSource, trained: TrainedParts = .none
    ) throws {
        BLAS.configureSingleThreaded()
        try configuration.requireKnown(trained)
        var builder = LlamaBuilder(configuration: configuration, weights: weights, trained: trained)
        embedding = try builder.embedding()
        var blocks: [LlamaBlock] = []
        for layer in 0..<configuration.layerCount { blocks.append(try builder.block(layer)) }
        finalNorm = try builder.norm(LlamaWeightNames.finalNorm)
        head = try builder.head(embedding: embedding)
        trainable = builder.layout
        trainsBase = !trained.tensors.isEmpty
        headSharesEmbedding = configuration.headSharesEmbedding(trained)
        lowestReachedBlock =
            embedding.isTrainable ? 0 : blocks.firstIndex { $0.isTrainable } ?? blocks.count
        rotary = RotaryTable(
            headDimension: configuration.headDimension, theta: configuration.ropeTheta,
            scaling: configuration.ropeScaling)
        self.blocks = blocks
        self.configuration = configuration
        self.weights = weights
    }

    /// All linear maps of such a model, in forward order, the output head last.
    public static func linearModules(_ configuration: LlamaConfiguration) -> [LinearModule] {
        configuration.linearModules
    }

    public func makeWorkspace() -> LlamaWorkspace { LlamaWorkspace(rotary: rotary) }

    /// Not with tensors of the base, whose gradients are too large to hold several for the sake of small products.
    public var takesSeveralBatches: Bool {
        ProductVariant.inUse != .blas && !head.projection.isTrainable && !trainsBase
    }

    public func gradient(
        of batches: [MicroBatch], parameters: Vector, into gradients: [Vector], pass: TrainingPass,
        workspace: LlamaWorkspace
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
            try workspace.load(batches[index], configuration: configuration, allowsPrefixes: false)
        }
        guard !wanted.isEmpty else { return losses }
        let batch = MicroBatch(joining: wanted.map { batches[$0] })
        try workspace.load(batch, configuration: configuration, allowsPrefixes: false)
        let training = LayerPass(
            parameters: parameters,
            gradients: Self.rowGradients(wanted.map { (batches[$0].tokenCount, gradients[$0]) }),
            dropout: DropoutPass(seed: pass.seed, step: pass.step, rows: workspace.rows),
            activations: workspace.activations, scratch: workspace.scratch)
        var supervised = training
        supervised.gradients = Self.rowGradients(wanted.map { (supervisedCounts[$0], gradients[$0]) })
        supervised.dropout?.rows = workspace.supervisedDropoutRows
        workspace.reset()
        let lossSums = forwardBackward(batch, workspace: workspace, pass: training, supervised: supervised)
        try weights.checkIntact()
        for (index, lossSum) in zip(wanted, lossSums) {
            losses[index] = LossSum(lossSum: lossSum, tokenCount: Int64(supervisedCounts[index]))
        }
        return losses
    }

    /// Gradients whose rows follow one another; one alone has whatever rows there are.
    private static func rowGradients(_ parts: [(rowCount: Int, gradient: Vector)]) -> [RowGradient] {
        guard parts.count > 1 else { return parts.map { RowGradient(allRowsOf: $0.gradient) } }
        var first = 0
        return parts.map { part in
            defer { first += part.rowCount }
            return RowGradient(rows: first..<first + part.rowCount, gradient: part.gradient)
        }
    }

    /// The forward of `batch`, up to the final norm, of the rows that have a target.
    ///
    /// - Returns: the residual stream behind the last block [M, C], in `pass.activations`.
    func forward(
        _ batch: MicroBatch, keepsFrom lowestKept: Int, workspace: LlamaWorkspace, pass: LayerPass,
        supervised: LayerPass
    ) -> Matrix {
        let kept = pass.activations
        let columns = configuration.hiddenSize
        let result = kept.matrix(rows: workspace.supervisedRows.count, columns: columns)
        var stream = kept.matrix(rows: batch.tokenCount, columns: columns)
        // Below the lowest trained block two matrices take turns as input and output.
        var other = lowestKept > 0 ? kept.matrix(rows: batch.tokenCount, columns: columns) : stream
        embedding.forward(output: stream, ids: batch.tokenIDs, pass: pass)
        for (index, block) in blocks.enumerated() {
            let isLast = index == blocks.count - 1
            let isKept = index >= lowestKept
            let output =
                isLast ? result : isKept ? kept.matrix(rows: batch.tokenCount, columns: columns) : other
            let mark = kept.mark
            let activations = block.forward(
                output: output, input: stream, reach: .spans(workspace.spans),
                selected: isLast ? workspace.supervisedRows : nil,
                selectedPass: isLast ? supervised : pass, rotary: workspace.rotary, pass: pass)
            if isKept { workspace.blocks.append(activations) } else { kept.release(to: mark) }
            (stream, other) = (output, stream)
        }
        return result
    }

    private func forwardBackward(
        _ batch: MicroBatch, workspace: LlamaWorkspace, pass: LayerPass, supervised: LayerPass
    ) -> [Double] {
        let last = forward(
            batch, keepsFrom: lowestReachedBlock, workspace: workspace, pass: pass,
            supervised: supervised)
        let (rows, columns) = (last.rows, last.columns)
        let scratch = pass.scratch
        let statistics = scratch.vector(rows)
        let hidden = scratch.matrix(rows: rows, columns: columns)
        finalNorm.forward(output: hidden, statistics: statistics, input: last, pass: supervised)
        let reachesBlocks = lowestReachedBlock < blocks.count
        let dHidden =
            reachesBlocks || finalNorm.isTrainable ? scratch.matrix(rows: rows, columns: columns) : nil
        let lossSums = head.gradient(
            dHidden: dHidden, hidden: hidden, targets: workspace.supervisedTargets,
            parts: supervised.gradients.map { $0.rows.clamped(to: 0..<rows) }, pass: supervised)
        guard let dHidden else { return lossSums }
        let dSupervised = reachesBlocks ? scratch.matrix(rows: rows, columns: columns) : nil
        if let dSupervised { fill(dSupervised, with: 0) }
        finalNorm.backward(
            dInput: dSupervised, dOutput: dHidden, input: last, statistics: statistics, pass: supervised)
        guard let dSupervised else { return lossSums }
        let dStream = scratch.matrix(rows: batch.tokenCount, columns: columns)
        for index in stride(from: blocks.count - 1, through: lowestReachedBlock, by: -1) {
            let isLast = index == blocks.count - 1
            blocks[index].backward(
                dInput: dStream, dStream: isLast ? dSupervised : dStream,
                activations: workspace.blocks[index - lowestReachedBlock], spans: workspace.spans,
                selected: isLast ? workspace.supervisedRows : nil,
                selectedPass: isLast ? supervised : pass,
                reachesInput: index > lowestReachedBlock || embedding.isTrainable,
                rotary: workspace.rotary, pass: pass)
        }
        embedding.backward(
            dOutput: dStream, ids: batch.tokenIDs, accumulates: headSharesEmbedding, pass: pass)
        return lossSums
    }
}
