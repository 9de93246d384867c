public import Layers

/// Hugging Face's names of BERT's tensors and linear maps.
enum BertWeightNames {
    static let words = "bert.embeddings.word_embeddings.weight"
    static let positions = "bert.embeddings.position_embeddings.weight"
    static let segments = "bert.embeddings.token_type_embeddings.weight"
    static let embeddingNorm = "bert.embeddings.LayerNorm"
    static let pooler = "bert.pooler.dense"
    static let classifier = "classifier"
    static let transform = "cls.predictions.transform.dense"
    static let transformNorm = "cls.predictions.transform.LayerNorm"
    static let decoder = "cls.predictions.decoder"
    static let decoderBias = "cls.predictions.bias"

    static func attentionNorm(_ layer: Int) -> String { block(layer, "attention.output.LayerNorm") }
    static func outputNorm(_ layer: Int) -> String { block(layer, "output.LayerNorm") }
    static func block(_ layer: Int, _ path: String) -> String { "bert.encoder.layer.\(layer).\(path)" }

    /// The linear maps of a block, in forward order.
    enum BlockModule: String, CaseIterable {
        case query = "attention.self.query"
        case key = "attention.self.key"
        case value = "attention.self.value"
        case attentionOutput = "attention.output.dense"
        case up = "intermediate.dense"
        case down = "output.dense"
    }
}

extension BertConfiguration {
    public var linearModules: [LinearModule] {
        let blocks = (0..<layerCount).flatMap { layer in
            BertWeightNames.BlockModule.allCases.map { linearModule($0, layer: layer) }
        }
        return switch task {
        case .sequenceClassification: blocks + [poolerModule]
        default: blocks + [transformModule, decoderModule]
        }
    }

    /// One linear map of a block.
    func linearModule(_ module: BertWeightNames.BlockModule, layer: Int) -> LinearModule {
        let place = BertWeightNames.BlockModule.allCases.firstIndex(of: module) ?? 0
        return LinearModule(
            name: BertWeightNames.block(layer, module.rawValue),
            inputCount: module == .down ? intermediateSize : hiddenSize,
            outputCount: module == .up ? intermediateSize : hiddenSize,
            index: layer * BertWeightNames.BlockModule.allCases.count + place, layer: layer)
    }

    private func behindBlocks(_ name: String, _ place: Int, _ outputCount: Int, isHead: Bool = false)
        -> LinearModule
    {
        LinearModule(
            name: name, inputCount: hiddenSize, outputCount: outputCount,
            index: layerCount * BertWeightNames.BlockModule.allCases.count + place, isOutputHead: isHead)
    }

    var poolerModule: LinearModule { behindBlocks(BertWeightNames.pooler, 0, hiddenSize) }
    /// Trained whole; not among ``linearModules``, because no adapter goes on it.
    var classifierModule: LinearModule {
        behindBlocks(BertWeightNames.classifier, 1, task.labels?.count ?? 1, isHead: true)
    }
    var transformModule: LinearModule { behindBlocks(BertWeightNames.transform, 0, hiddenSize) }
    var decoderModule: LinearModule {
        behindBlocks(BertWeightNames.decoder, 1, vocabularySize, isHead: true)
    }

    public var headModules: [String] { task.labels == nil ? [] : [BertWeightNames.classifier] }

    public var weightShapes: [WeightShape] {
        var shapes: [WeightShape] = []
        func append(_ name: String, _ shape: [Int], _ part: WeightShape.Part) {
            shapes.append(WeightShape(name: name, shape: shape, part: part))
        }
        func append(_ module: LinearModule, _ part: WeightShape.Part) {
            append("\(module.name).weight", [module.outputCount, module.inputCount], part)
            append("\(module.name).bias", [module.outputCount], part)
        }
        func appendNorm(_ name: String, _ part: WeightShape.Part) {
            append("\(name).weight", [hiddenSize], part)
            append("\(name).bias", [hiddenSize], part)
        }
        let words: WeightShape.Part = task == .maskedLanguageModel ? .tiedEmbedding : .embedding
        append(BertWeightNames.words, [vocabularySize, hiddenSize], words)
        append(BertWeightNames.positions, [maximumPositions, hiddenSize], .embedding)
        append(BertWeightNames.segments, [segmentKinds, hiddenSize], .embedding)
        appendNorm(BertWeightNames.embeddingNorm, .embedding)
        for layer in 0..<layerCount {
            for module in BertWeightNames.BlockModule.allCases {
                append(linearModule(module, layer: layer), .block(layer))
                if module == .attentionOutput {
                    appendNorm(BertWeightNames.attentionNorm(layer), .block(layer))
                }
            }
            appendNorm(BertWeightNames.outputNorm(layer), .block(layer))
        }
        if task.labels != nil {
            append(poolerModule, .head)
            append(classifierModule, .head)
        } else {
            append(transformModule, .head)
            appendNorm(BertWeightNames.transformNorm, .head)
            append(BertWeightNames.decoderBias, [vocabularySize], .head)
        }
        return shapes
    }
}
