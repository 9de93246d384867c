public import FoundationEssentials

/// The keys of DistilBERT's config.json that matter, there in snake case.
private struct DistilBertConfigurationFile: Decodable {
    var dim: Int
    var hiddenDim: Int
    var nLayers: Int
    var nHeads: Int
    var vocabSize: Int
    var maxPositionEmbeddings: Int?
    var activation: String?
    var tieWordEmbeddings: Bool?
    var id2label: [String: String]?
    var quantizationConfig: ConfigurationFile.Present?
}

extension BertConfiguration {
    /// Reads a config.json of `model_type` distilbert: blocks as BERT's, no kinds of segment, another classifier.
    ///
    /// - Throws: as ``init(json:)``.
    public init(distilBert json: Data) throws {
        let file = try ConfigurationFile.decode(DistilBertConfigurationFile.self, from: json)
        try ConfigurationFile.Present.refuseQuantization(file.quantizationConfig)
        for (key, isOther, value) in [
            ("activation", file.activation ?? "gelu" != "gelu", file.activation ?? ""),
            ("tie_word_embeddings", file.tieWordEmbeddings == false, "false"),
        ] where isOther {
            throw ConfigurationFile.unsupported(key, value, modelType: "distilbert")
        }
        // `sinusoidal_pos_embds` says only how the table of positions began; checkpoints hold it.
        try self.init(
            family: .distilbert, hiddenSize: file.dim, intermediateSize: file.hiddenDim,
            layerCount: file.nLayers, attentionHeads: file.nHeads, vocabularySize: file.vocabSize,
            maximumPositions: file.maxPositionEmbeddings ?? 512,
            labelNames: Self.names(file.id2label ?? [:]))
    }
}
