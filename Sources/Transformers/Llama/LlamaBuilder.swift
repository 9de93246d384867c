import Kernels
import Layers
import Tensors

/// Puts a ``LlamaModel`` together: takes weights by name, makes adapters and lays out their tensors, in forward order.
struct LlamaBuilder {
    let configuration: LlamaConfiguration
    let weights: any WeightSource
    let adapters: [String: any LinearAdapterSettings]
    /// The adapters' tensors so far.
    private(set) var layout = ParameterLayout()

    init(
        configuration: LlamaConfiguration, weights: any WeightSource,
        adapters: [String: any LinearAdapterSettings]
    ) {
        self.configuration = configuration
        self.weights = weights
        self.adapters = adapters
    }

    func vector(_ name: String, count: Int) throws -> Vector {
        let tensor = try weights.tensor(named: name, shape: [count])
        try check(tensor, name: name, shape: [count])
        return tensor
    }

    func matrix(_ name: String, rows: Int, columns: Int) throws -> Matrix {
        let tensor = try weights.tensor(named: name, shape: [rows, columns])
        try check(tensor, name: name, shape: [rows, columns])
        return tensor.matrix(rows: rows, columns: columns)
    }

    private func check(_ tensor: Vector, name: String, shape: [Int]) throws {
        guard tensor.count == shape.reduce(1, *) else {
            throw TransformerError(
                .invalidWeights,
                "'\(name)' has \(tensor.count) elements, the configuration says \(shape); is this the checkpoint "
                    + "of this config.json?", context: name)
        }
    }

    mutating func block(_ layer: Int) throws -> LlamaBlock {
        LlamaBlock(
            inputNorm: try vector(LlamaWeightNames.inputNorm(layer), count: configuration.hiddenSize),
            attention: SelfAttention(
                shape: configuration.attentionShape, query: try linear(.query, layer),
                key: try linear(.key, layer), value: try linear(.value, layer),
                output: try linear(.output, layer)),
            attentionNorm: try vector(
                LlamaWeightNames.attentionNorm(layer), count: configuration.hiddenSize),
            feedForward: GatedFeedForward(
                gate: try linear(.gate, layer), up: try linear(.up, layer), down: try linear(.down, layer)),
            epsilon: configuration.normEpsilon)
    }

    mutating func head(embedding: Matrix) throws -> LanguageModelHead {
        let module = configuration.headModule
        let weight =
            configuration.tieWordEmbeddings
            ? embedding
            : try matrix("\(module.name).weight", rows: module.outputCount, columns: module.inputCount)
        return LanguageModelHead(
            projection: LinearLayer(module: module, weight: weight, adapter: adapter(for: module)))
    }

    private mutating func linear(_ part: LlamaWeightNames.BlockModule, _ layer: Int) throws -> LinearLayer {
        let module = configuration.linearModule(part, layer: layer)
        return LinearLayer(
            module: module,
            weight: try matrix(
                "\(module.name).weight", rows: module.outputCount, columns: module.inputCount),
            bias: configuration.hasBias(part)
                ? try vector("\(module.name).bias", count: module.outputCount) : nil,
            adapter: adapter(for: module))
    }

    private mutating func adapter(for module: LinearModule) -> (any LinearAdapter)? {
        adapters[module.name]?.makeAdapter(for: module, layout: &layout)
    }
}
