public import FoundationEssentials

/// The architectures this program computes, by `model_type` of config.json.
public enum ModelRegistry {
    private static let architectures: [String: @Sendable (Data) throws -> any ModelConfiguration] = [
        "bert": { try BertConfiguration(json: $0) },
        "distilbert": { try BertConfiguration(distilBert: $0) },
        "gpt2": { try GPT2Configuration(json: $0) },
        "llama": { try LlamaConfiguration(json: $0) },
        "mistral": { try LlamaConfiguration(json: $0) },
        "qwen2": { try LlamaConfiguration(json: $0) },
        "qwen3": { try Qwen3Configuration(json: $0) },
        "roberta": { try BertConfiguration(roberta: $0) },
    ]

    /// The values of `model_type` that are known, sorted.
    public static var modelTypes: [String] { architectures.keys.sorted() }

    /// Reads a config.json.
    ///
    /// - Throws: ``TransformerError`` with code `.unsupportedConfiguration` for an architecture, or a feature of one,
    ///   that is not computed here; `.invalidConfiguration` when the file is not a model's configuration.
    public static func configuration(json: Data) throws -> any ModelConfiguration {
        struct Head: Decodable { var modelType: String? }
        let head: Head
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            head = try decoder.decode(Head.self, from: json)
        } catch {
            throw TransformerError(
                .invalidConfiguration, "config.json is not JSON of a model configuration: \(error)")
        }
        guard let modelType = head.modelType else {
            throw TransformerError(
                .invalidConfiguration,
                "config.json has no model_type; is this the directory of a Hugging Face model?",
                context: "model_type")
        }
        guard let read = architectures[modelType] else {
            throw TransformerError(
                .unsupportedConfiguration,
                "config.json: model_type '\(modelType)' is not supported; this version computes "
                    + modelTypes.joined(separator: ", "),
                context: "model_type")
        }
        return try read(json)
    }
}
