import Kernels
import Layers
import Tensors

/// Puts a ``LlamaModel`` together: takes weights by name, makes adapters, and lays out what is trained, in forward order.
struct LlamaBuilder {
    let configuration: LlamaConfiguration
    let weights: any WeightSource
    let trained: TrainedParts
    /// The trained tensors so far.
    private(set) var layout = ParameterLayout()

    init(configuration: LlamaConfiguration, weights: any WeightSource, trained: TrainedParts) {
        self.configuration = configuration
        self.weights = weights
        self.trained = trained
    }

    /// A tensor of the base; one that is trained gets its place in ``layout``, and the base's values are only checked.
    ///
    /// - Parameter source: the base's name for it, where that is another.
    private mutating func weight(_ name: String, shape: [Int], source: String? = nil) throws -> Weight {
        let tensor = try weights.tensor(named: source ?? name, shape: shape)
        guard tensor.count == shape.reduce(1, *) else {
            throw TransformerError(
                .invalidWeights,
                "'\(name)' has \(tensor.count) elements, the configuration says \(shape); is this the checkpoint "
                    + "of this config.json?", context: name)
        }
        guard let nameOnDisk = trained.tensors[name] else { return .frozen(tensor) }
        return .trained(layout.append(name: nameOnDisk, shape: shape).range)
    }

    mutating func norm(_ name: String) throws -> RMSNormLayer {
        RMSNormLayer(
            weight: try weight(name, shape: [configuration.hiddenSize]), epsilon: configuration.normEpsilon)
    }

    mutating func embedding() throws -> EmbeddingLayer {
        let (rows, columns) = (configuration.vocabularySize, configuration.hiddenSize)
        let module = configuration.embeddingModule
        return EmbeddingLayer(
            weight: try weight(LlamaWeightNames.embedding, shape: [rows, columns]), vocabularySize: rows,
            columns: columns,
            adapter: trained.adapters[module.name]?.makeEmbeddingAdapter(for: module, layout: &layout))
    }

    mutating func block(_ layer: Int) throws -> LlamaBlock {
        LlamaBlock(
            inputNorm: try norm(LlamaWeightNames.inputNorm(layer)),
            attention: SelfAttention(
                shape: configuration.attentionShape, query: try linear(.query, layer),
                key: try linear(.key, layer), value: try linear(.value, layer),
                output: try linear(.output, layer)),
            attentionNorm: try norm(LlamaWeightNames.attentionNorm(layer)),
            feedForward: FeedForward(
                activation: .gatedSiLU(gate: try linear(.gate, layer)), up: try linear(.up, layer),
                down: try linear(.down, layer)))
    }

    mutating func head(embedding: EmbeddingLayer) throws -> LanguageModelHead {
        let module = configuration.headModule
        let weight =
            configuration.headSharesEmbedding(trained)
            ? embedding.weight
            : try weight(
                "\(module.name).weight", shape: [module.outputCount, module.inputCount],
                source: configuration.tieWordEmbeddings ? LlamaWeightNames.embedding : nil)
        return LanguageModelHead(
            projection: LinearLayer(module: module, weight: weight, adapter: adapter(for: module)))
    }

    private mutating func linear(_ part: LlamaWeightNames.BlockModule, _ layer: Int) throws -> LinearLayer {
        let module = configuration.linearModule(part, layer: layer)
        return LinearLayer(
            module: module,
            weight: try weight("\(module.name).weight", shape: [module.outputCount, module.inputCount]),
            bias: configuration.hasBias(part)
                ? try weight("\(module.name).bias", shape: [module.outputCount]) : nil,
            adapter: adapter(for: module))
    }

    private mutating func adapter(for module: LinearModule) -> (any LinearAdapter)? {
        trained.adapters[module.name]?.makeAdapter(for: module, layout: &layout)
    }
}
