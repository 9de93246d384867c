public import Layers

extension BertConfiguration {
    public var linearModules: [LinearModule] {
        let blocks = (0..<layerCount).flatMap { layer in
            BertFamily.BlockModule.allCases.map { linearModule($0, layer: layer) }
        }
        return switch task {
        case .sequenceClassification: blocks + (family.hasPooler ? [poolerModule] : [])
        default: blocks + [transformModule, decoderModule]
        }
    }

    /// One linear map of a block.
    func linearModule(_ module: BertFamily.BlockModule, layer: Int) -> LinearModule {
        LinearModule(
            name: family.block(layer, family.blockModules[module.rawValue]),
            inputCount: module == .down ? intermediateSize : hiddenSize,
            outputCount: module == .up ? intermediateSize : hiddenSize,
            index: layer * BertFamily.BlockModule.allCases.count + module.rawValue,
            layer: layer)
    }

    private func behindBlocks(_ name: String, _ place: Int, _ outputCount: Int, isHead: Bool = false)
        -> LinearModule
    {
        LinearModule(
            name: name, inputCount: hiddenSize, outputCount: outputCount,
            index: layerCount * BertFamily.BlockModule.allCases.count + place, isOutputHead: isHead)
    }

    var poolerModule: LinearModule { behindBlocks(family.pooler, 0, hiddenSize) }
    /// Trained whole; not among ``linearModules``, because no adapter goes on it.
    var classifierModule: LinearModule {
        behindBlocks(family.classifier, 1, task.labels?.count ?? 1, isHead: true)
    }
    var transformModule: LinearModule { behindBlocks(family.transform, 0, hiddenSize) }
    var decoderModule: LinearModule {
        behindBlocks(family.decoder, 1, vocabularySize, isHead: true)
    }

    public var headModules: [String] { task.labels == nil ? [] : family.headModules }
    public var architecture: String? {
        task.labels == nil ? nil : family.className + "ForSequenceClassification"
    }
    public var classifier: String? { task.labels == nil ? nil : family.classifier }

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
        append(family.words, [vocabularySize, hiddenSize], words)
        append(family.positions, [maximumPositions, hiddenSize], .embedding)
        if family.hasSegments { append(family.segments, [segmentKinds, hiddenSize], .embedding) }
        appendNorm(family.embeddingNorm, .embedding)
        for layer in 0..<layerCount {
            for module in BertFamily.BlockModule.allCases {
                append(linearModule(module, layer: layer), .block(layer))
                if module == .attentionOutput {
                    appendNorm(family.block(layer, family.attentionNorm), .block(layer))
                }
            }
            appendNorm(family.block(layer, family.outputNorm), .block(layer))
        }
        if task.labels != nil {
            append(poolerModule, .head)
            append(classifierModule, .head)
        } else {
            append(transformModule, .head)
            appendNorm(family.transformNorm, .head)
            append(family.decoderBias, [vocabularySize], .head)
        }
        return shapes
    }
}
