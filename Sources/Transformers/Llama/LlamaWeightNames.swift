public import Layers

/// Hugging Face's names of the tensors and linear modules of the Llama family.
enum LlamaWeightNames {
    static let embedding = "model.embed_tokens.weight"
    static let finalNorm = "model.norm.weight"
    static let head = "lm_head"

    static func inputNorm(_ layer: Int) -> String { "model.layers.\(layer).input_layernorm.weight" }
    static func attentionNorm(_ layer: Int) -> String {
        "model.layers.\(layer).post_attention_layernorm.weight"
    }

    /// The linear maps of a block, in forward order.
    enum BlockModule: String, CaseIterable {
        case query = "self_attn.q_proj"
        case key = "self_attn.k_proj"
        case value = "self_attn.v_proj"
        case output = "self_attn.o_proj"
        case gate = "mlp.gate_proj"
        case up = "mlp.up_proj"
        case down = "mlp.down_proj"
    }
}

extension LlamaConfiguration {
    public var linearModules: [LinearModule] {
        let blocks = (0..<layerCount).flatMap { layer in
            LlamaWeightNames.BlockModule.allCases.map { linearModule($0, layer: layer) }
        }
        return blocks + [headModule]
    }

    /// The embedding of the tokens.
    var embeddingModule: LinearModule {
        let name = LlamaWeightNames.embedding.dropLast(".weight".count)
        return LinearModule(
            name: String(name), inputCount: vocabularySize, outputCount: hiddenSize,
            index: headModule.index + 1, isEmbedding: true)
    }

    public var embeddingModules: [LinearModule] { [embeddingModule] }

    /// One linear map of a block.
    func linearModule(_ module: LlamaWeightNames.BlockModule, layer: Int) -> LinearModule {
        let (queryColumns, keyValueColumns) = (
            attentionHeads * headDimension, keyValueHeads * headDimension
        )
        let (inputCount, outputCount, place) =
            switch module {
            case .query: (hiddenSize, queryColumns, 0)
            case .key: (hiddenSize, keyValueColumns, 1)
            case .value: (hiddenSize, keyValueColumns, 2)
            case .output: (queryColumns, hiddenSize, 3)
            case .gate: (hiddenSize, intermediateSize, 4)
            case .up: (hiddenSize, intermediateSize, 5)
            case .down: (intermediateSize, hiddenSize, 6)
            }
        return LinearModule(
            name: "model.layers.\(layer).\(module.rawValue)", inputCount: inputCount,
            outputCount: outputCount,
            index: layer * LlamaWeightNames.BlockModule.allCases.count + place, layer: layer)
    }

    /// The output head.
    var headModule: LinearModule {
        LinearModule(
            name: LlamaWeightNames.head, inputCount: hiddenSize, outputCount: vocabularySize,
            index: layerCount * LlamaWeightNames.BlockModule.allCases.count, isOutputHead: true)
    }

    /// Whether the head has the embedding's matrix, trained or not.
    func headSharesEmbedding(_ trained: TrainedParts) -> Bool { tieWordEmbeddings && !trained.unties }

    public var weightShapes: [WeightShape] {
        var shapes = [
            WeightShape(
                name: LlamaWeightNames.embedding, shape: [vocabularySize, hiddenSize],
                part: tieWordEmbeddings ? .tiedEmbedding : .embedding)
        ]
        for layer in 0..<layerCount {
            func append(_ name: String, _ shape: [Int]) {
                shapes.append(WeightShape(name: name, shape: shape, part: .block(layer)))
            }
            append(LlamaWeightNames.inputNorm(layer), [hiddenSize])
            for part in LlamaWeightNames.BlockModule.allCases {
                let module = linearModule(part, layer: layer)
                append("\(module.name).weight", [module.outputCount, module.inputCount])
                if hasBias(part) { append("\(module.name).bias", [module.outputCount]) }
            }
            append(LlamaWeightNames.attentionNorm(layer), [hiddenSize])
        }
        shapes.append(
            WeightShape(name: LlamaWeightNames.finalNorm, shape: [hiddenSize], part: .finalNorm))
        if !tieWordEmbeddings {
            shapes.append(
                WeightShape(
                    name: "\(headModule.name).weight", shape: [vocabularySize, hiddenSize], part: .head))
        }
        return shapes
    }

    /// Whether that linear map has a bias.
    func hasBias(_ module: LlamaWeightNames.BlockModule) -> Bool {
        switch module {
        case .query, .key, .value: hasQueryKeyValueBias
        case .output, .gate, .up, .down: false
        }
    }
}
