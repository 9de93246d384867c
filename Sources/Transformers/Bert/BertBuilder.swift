import Kernels
import Layers
import Tensors

/// Puts a ``BertModel`` together: takes weights by name, makes adapters, and lays out what is trained, in forward order.
struct BertBuilder {
    let configuration: BertConfiguration
    let weights: any WeightSource
    let trained: TrainedParts
    private var family: BertFamily { configuration.family }
    /// The trained tensors so far.
    private(set) var layout = ParameterLayout()

    init(configuration: BertConfiguration, weights: any WeightSource, trained: TrainedParts) {
        self.configuration = configuration
        self.weights = weights
        self.trained = trained
    }

    /// A tensor of the base; one that is trained gets its place in ``layout``, and the base's values are only checked. A
    /// new head has none.
    private mutating func weight(_ name: String, shape: [Int]) throws -> Weight {
        let nameOnDisk = trained.tensors[name]
        if let nameOnDisk, configuration.isOfHead(name), !weights.hasTensor(named: name) {
            return .trained(layout.append(name: nameOnDisk, shape: shape).range)
        }
        let tensor = try weights.tensor(named: name, shape: shape)
        guard tensor.count == shape.reduce(1, *) else {
            throw TransformerError(
                .invalidWeights,
                "'\(name)' has \(tensor.count) elements, the configuration says \(shape); is this the checkpoint "
                    + "of this config.json?", context: name)
        }
        guard let nameOnDisk else { return .frozen(tensor) }
        return .trained(layout.append(name: nameOnDisk, shape: shape).range)
    }

    private mutating func norm(_ name: String) throws -> LayerNormLayer {
        let shape = [configuration.hiddenSize]
        return LayerNormLayer(
            weight: try weight("\(name).weight", shape: shape),
            bias: try weight("\(name).bias", shape: shape), epsilon: configuration.normEpsilon)
    }

    private mutating func table(_ name: String, rows: Int) throws -> EmbeddingLayer {
        EmbeddingLayer(
            weight: try weight(name, shape: [rows, configuration.hiddenSize]), vocabularySize: rows,
            columns: configuration.hiddenSize)
    }

    private mutating func linear(_ module: LinearModule) throws -> LinearLayer {
        LinearLayer(
            module: module,
            weight: try weight("\(module.name).weight", shape: [module.outputCount, module.inputCount]),
            bias: try weight("\(module.name).bias", shape: [module.outputCount]),
            adapter: trained.adapters[module.name]?.makeAdapter(for: module, layout: &layout))
    }

    mutating func embedding() throws -> BertEmbedding {
        BertEmbedding(
            words: try table(family.words, rows: configuration.vocabularySize),
            positions: try table(family.positions, rows: configuration.maximumPositions),
            segments: family.hasSegments
                ? try table(family.segments, rows: configuration.segmentKinds) : nil,
            norm: try norm(family.embeddingNorm))
    }

    mutating func block(_ layer: Int) throws -> BertBlock {
        func module(_ part: BertFamily.BlockModule) -> LinearModule {
            configuration.linearModule(part, layer: layer)
        }
        return BertBlock(
            attention: SelfAttention(
                shape: configuration.attentionShape,
                inputs: .separate(
                    query: try linear(module(.query)), key: try linear(module(.key)),
                    value: try linear(module(.value))), output: try linear(module(.attentionOutput))),
            attentionNorm: try norm(family.block(layer, family.attentionNorm)),
            feedForward: FeedForward(
                activation: .gelu(.erf), up: try linear(module(.up)), down: try linear(module(.down))),
            outputNorm: try norm(family.block(layer, family.outputNorm)))
    }

    mutating func head(words: EmbeddingLayer) throws -> BertHead {
        if configuration.task.labels != nil {
            return .classification(
                ClassificationHead(
                    pooler: try linear(configuration.poolerModule), activation: family.poolerActivation,
                    classifier: try linear(configuration.classifierModule)))
        }
        let decoder = configuration.decoderModule
        guard weights.hasTensor(named: "\(family.transform).weight") else {
            throw TransformerError(
                .invalidWeights,
                "this base has no head for masked tokens (\(family.transform).weight); take a checkpoint of "
                    + "\(family.className)ForMaskedLM, or rows of text and label", context: family.transform)
        }
        let transform = try linear(configuration.transformModule)
        let norm = try norm(family.transformNorm)
        let matrix = try decoderWeight(words: words)
        return .maskedLanguageModel(
            MaskedLanguageModelHead(
                transform: transform, norm: norm,
                decoder: LanguageModelHead(
                    projection: LinearLayer(
                        module: decoder, weight: matrix,
                        bias: try weight(family.decoderBias, shape: [decoder.outputCount]),
                        adapter: trained.adapters[decoder.name]?.makeAdapter(for: decoder, layout: &layout))))
        )
    }

    /// The embedding's matrix, or a copy where copies are trained.
    private mutating func decoderWeight(words: EmbeddingLayer) throws -> Weight {
        let shape = [configuration.vocabularySize, configuration.hiddenSize]
        if let nameOnDisk = trained.tensors["\(family.decoder).weight"] {
            return .trained(layout.append(name: nameOnDisk, shape: shape).range)
        }
        guard trained.unties else { return words.weight }
        return .frozen(try weights.tensor(named: family.words, shape: shape))
    }
}
