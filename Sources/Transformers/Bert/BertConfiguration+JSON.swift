public import FoundationEssentials

/// The keys of config.json that matter, there in snake case.
private struct BertConfigurationFile: Decodable {
    var hiddenSize: Int
    var intermediateSize: Int
    var numHiddenLayers: Int
    var numAttentionHeads: Int
    var vocabSize: Int
    var maxPositionEmbeddings: Int?
    var typeVocabSize: Int?
    var padTokenId: Int32?
    var layerNormEps: Double?
    var hiddenAct: String?
    var positionEmbeddingType: String?
    var isDecoder: Bool?
    var addCrossAttention: Bool?
    var tieWordEmbeddings: Bool?
    var id2label: [String: String]?
    var quantizationConfig: ConfigurationFile.Present?
}

extension BertConfiguration {
    /// Reads a config.json of `model_type` bert.
    ///
    /// - Throws: ``TransformerError`` with code `.invalidConfiguration` for what is missing or malformed, and
    ///   `.unsupportedConfiguration`, naming the key, for what would change the result and is not computed here.
    public init(json: Data) throws { try self.init(json: json, family: .bert) }

    /// Reads a config.json of `model_type` roberta: BERT with positions that are counted from behind the padding token's
    /// id, and heads of other names.
    ///
    /// - Throws: as ``init(json:)``.
    public init(roberta json: Data) throws { try self.init(json: json, family: .roberta) }

    private init(json: Data, family: BertFamily) throws {
        let file = try ConfigurationFile.decode(BertConfigurationFile.self, from: json)
        try ConfigurationFile.Present.refuseQuantization(file.quantizationConfig)
        for (key, isOther, value) in [
            ("hidden_act", file.hiddenAct ?? "gelu" != "gelu", file.hiddenAct ?? ""),
            (
                "position_embedding_type", file.positionEmbeddingType ?? "absolute" != "absolute",
                file.positionEmbeddingType ?? ""
            ),
            ("is_decoder", file.isDecoder == true, "true"),
            ("add_cross_attention", file.addCrossAttention == true, "true"),
            ("tie_word_embeddings", file.tieWordEmbeddings == false, "false"),
        ] where isOther {
            throw ConfigurationFile.unsupported(key, value, modelType: family.modelType)
        }
        try self.init(
            family: family, hiddenSize: file.hiddenSize, intermediateSize: file.intermediateSize,
            layerCount: file.numHiddenLayers, attentionHeads: file.numAttentionHeads,
            vocabularySize: file.vocabSize, maximumPositions: file.maxPositionEmbeddings ?? 512,
            segmentKinds: file.typeVocabSize ?? 2, normEpsilon: Float(file.layerNormEps ?? 1e-12),
            paddingID: family == .roberta ? file.padTokenId ?? 1 : nil,
            labelNames: Self.names(file.id2label ?? [:]))
    }

    /// The names by number; none where a number is missing.
    static func names(_ labels: [String: String]) -> [String] {
        let names = (0..<labels.count).compactMap { labels["\($0)"] }
        return names.count == labels.count ? names : []
    }
}
