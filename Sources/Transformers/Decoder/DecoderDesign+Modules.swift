import Kernels
import Layers

extension DecoderDesign.Inputs {
    /// In the order they are computed in.
    var maps: [DecoderDesign.Map] {
        switch self {
        case .separate(let query, let key, let value): [query, key, value]
        case .fused(let map): [map]
        }
    }
}

extension DecoderDesign.FeedForward {
    /// In the order they are computed in.
    var maps: [DecoderDesign.Map] {
        switch self {
        case .gatedSiLU(let gate, let up, let down): [gate, up, down]
        case .gelu(_, let up, let down): [up, down]
        }
    }
}

extension DecoderDesign.Norm {
    /// The last parts of its tensors' names.
    var tensors: [String] {
        switch self {
        case .rms: ["weight"]
        case .layer: ["weight", "bias"]
        }
    }

    /// Float32 values that its forward keeps for each row.
    var statisticsColumns: Int {
        switch self {
        case .rms: RMSNormLayer.statisticsColumns
        case .layer: LayerNormLayer.statisticsColumns
        }
    }
}

extension DecoderDesign {
    /// The maps of a block, in forward order.
    var maps: [Map] { inputs.maps + [output] + feedForward.maps }

    /// F
    var innerSize: Int { feedForward.maps.first?.outputCount ?? 0 }

    /// A path within block `layer` as a whole name.
    func name(_ path: String, layer: Int) -> String { "\(blocks).\(layer).\(path)" }

    /// A map of block `layer`.
    func module(_ map: Map, layer: Int) -> LinearModule {
        let place = maps.firstIndex { $0.name == map.name } ?? 0
        return LinearModule(
            name: name(map.name, layer: layer), inputCount: map.inputCount, outputCount: map.outputCount,
            index: layer * maps.count + place, layer: layer, isTransposed: hasTransposedMaps)
    }

    /// The output head.
    var headModule: LinearModule {
        LinearModule(
            name: head, inputCount: hiddenSize, outputCount: vocabularySize, index: layerCount * maps.count,
            isOutputHead: true)
    }

    /// The embedding of the tokens.
    var embeddingModule: LinearModule {
        LinearModule(
            name: embedding, inputCount: vocabularySize, outputCount: hiddenSize,
            index: headModule.index + 1, isEmbedding: true)
    }

    /// The learned positions, if there are such.
    var positionModule: LinearModule? {
        guard case .learned(let name, let count) = positions else { return nil }
        return LinearModule(
            name: name, inputCount: count, outputCount: hiddenSize, index: headModule.index + 2,
            isEmbedding: true)
    }

    /// Whether the head has the embedding's matrix, trained or not.
    func headSharesEmbedding(_ trained: TrainedParts) -> Bool { isHeadTied && !trained.unties }

    /// All linear maps in forward order, the output head last.
    var linearModules: [LinearModule] {
        (0..<layerCount).flatMap { layer in maps.map { module($0, layer: layer) } } + [headModule]
    }

    /// Every tensor, in forward order.
    var weightShapes: [WeightShape] {
        var shapes: [WeightShape] = []
        func append(_ module: String, _ part: WeightShape.Part, _ tensors: [(String, [Int])]) {
            shapes += tensors.map { WeightShape(name: "\(module).\($0.0)", shape: $0.1, part: part) }
        }
        func appendNorm(_ module: String, _ part: WeightShape.Part) {
            append(module, part, norm.tensors.map { ($0, [hiddenSize]) })
        }
        append(
            embedding, isHeadTied ? .tiedEmbedding : .embedding, [("weight", [vocabularySize, hiddenSize])])
        if case .learned(let name, let count) = positions {
            append(name, .embedding, [("weight", [count, hiddenSize])])
        }
        for layer in 0..<layerCount {
            func appendMaps(_ maps: [Map]) {
                for map in maps {
                    let module = module(map, layer: layer)
                    append(
                        module.name, .block(layer),
                        [("weight", module.weightShape)]
                            + (map.hasBias ? [("bias", [module.outputCount])] : []))
                }
            }
            appendNorm(name(inputNorm, layer: layer), .block(layer))
            appendMaps(inputs.maps)
            for path in headNorms.map({ [$0.query, $0.key] }) ?? [] {
                append(
                    name(path, layer: layer), .block(layer), [("weight", [attentionShape.headDimension])])
            }
            appendMaps([output])
            appendNorm(name(attentionNorm, layer: layer), .block(layer))
            appendMaps(feedForward.maps)
        }
        appendNorm(finalNorm, .finalNorm)
        if !isHeadTied { append(head, .head, [("weight", headModule.weightShape)]) }
        return shapes
    }
}
