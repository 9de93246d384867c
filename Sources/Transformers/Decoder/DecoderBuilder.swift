import Kernels
import Layers
import Tensors

/// Puts a ``CausalDecoder`` together: takes weights by name, makes adapters, and lays out what is trained, in forward
/// order.
struct DecoderBuilder {
    let design: DecoderDesign
    let weights: any WeightSource
    let trained: TrainedParts
    /// The trained tensors so far.
    private(set) var layout = ParameterLayout()

    init(design: DecoderDesign, weights: any WeightSource, trained: TrainedParts) {
        self.design = design
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

    mutating func norm(_ name: String) throws -> any Normalization {
        let weight = try weight("\(name).weight", shape: [design.hiddenSize])
        switch design.norm {
        case .rms(let epsilon): return RMSNormLayer(weight: weight, epsilon: epsilon)
        case .layer(let epsilon):
            return LayerNormLayer(
                weight: weight, bias: try self.weight("\(name).bias", shape: [design.hiddenSize]),
                epsilon: epsilon)
        }
    }

    mutating func embedding() throws -> EmbeddingLayer {
        try table(design.embeddingModule)
    }

    /// The table of learned positions, if there is one.
    mutating func positions() throws -> EmbeddingLayer? {
        try design.positionModule.map { try table($0) }
    }

    private mutating func table(_ module: LinearModule) throws -> EmbeddingLayer {
        EmbeddingLayer(
            weight: try weight("\(module.name).weight", shape: module.weightShape),
            vocabularySize: module.inputCount, columns: module.outputCount,
            adapter: trained.adapters[module.name]?.makeEmbeddingAdapter(for: module, layout: &layout))
    }

    mutating func block(_ layer: Int) throws -> DecoderBlock {
        DecoderBlock(
            inputNorm: try norm(design.name(design.inputNorm, layer: layer)),
            attention: SelfAttention(
                shape: design.attentionShape, inputs: try inputs(layer), headNorms: try headNorms(layer),
                output: try linear(design.output, layer)),
            attentionNorm: try norm(design.name(design.attentionNorm, layer: layer)),
            feedForward: try feedForward(layer))
    }

    private mutating func inputs(_ layer: Int) throws -> SelfAttention.Inputs {
        switch design.inputs {
        case .separate(let query, let key, let value):
            .separate(
                query: try linear(query, layer), key: try linear(key, layer), value: try linear(value, layer))
        case .fused(let map): .fused(try linear(map, layer))
        }
    }

    private mutating func headNorms(_ layer: Int) throws -> SelfAttention.HeadNorms? {
        guard let norms = design.headNorms else { return nil }
        func norm(_ path: String) throws -> RMSNormLayer {
            RMSNormLayer(
                weight: try weight(
                    design.name(path, layer: layer) + ".weight",
                    shape: [design.attentionShape.headDimension]), epsilon: norms.epsilon)
        }
        return SelfAttention.HeadNorms(query: try norm(norms.query), key: try norm(norms.key))
    }

    private mutating func feedForward(_ layer: Int) throws -> FeedForward {
        switch design.feedForward {
        case .gatedSiLU(let gate, let up, let down):
            FeedForward(
                activation: .gatedSiLU(gate: try linear(gate, layer)), up: try linear(up, layer),
                down: try linear(down, layer))
        case .gelu(let form, let up, let down):
            FeedForward(
                activation: .gelu(form), up: try linear(up, layer), down: try linear(down, layer))
        }
    }

    mutating func head(embedding: EmbeddingLayer) throws -> LanguageModelHead {
        let module = design.headModule
        let weight =
            design.headSharesEmbedding(trained)
            ? embedding.weight
            : try weight(
                "\(module.name).weight", shape: module.weightShape,
                source: design.isHeadTied ? "\(design.embedding).weight" : nil)
        return LanguageModelHead(
            projection: LinearLayer(module: module, weight: weight, adapter: adapter(for: module)))
    }

    private mutating func linear(_ map: DecoderDesign.Map, _ layer: Int) throws -> LinearLayer {
        let module = design.module(map, layer: layer)
        return LinearLayer(
            module: module, weight: try weight("\(module.name).weight", shape: module.weightShape),
            bias: map.hasBias ? try weight("\(module.name).bias", shape: [module.outputCount]) : nil,
            adapter: adapter(for: module))
    }

    private mutating func adapter(for module: LinearModule) -> (any LinearAdapter)? {
        trained.adapters[module.name]?.makeAdapter(for: module, layout: &layout)
    }
}
