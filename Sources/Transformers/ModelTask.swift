/// What a model computes behind its last block, and so what its loss is.
public enum ModelTask: Sendable, Equatable {
    /// The token that follows.
    case causalLanguageModel
    /// Tokens that were masked.
    case maskedLanguageModel
    /// The class of a text, one of these by number.
    case sequenceClassification(labels: [String])

    /// The classes, where it is about those.
    public var labels: [String]? {
        if case .sequenceClassification(let labels) = self { labels } else { nil }
    }
}

extension ModelConfiguration {
    /// A decoder's.
    public var task: ModelTask { .causalLanguageModel }
    public var isEncoder: Bool { false }
    public var labelNames: [String] { [] }
    public var headModules: [String] { [] }
    public var classifier: String? { nil }
    public var architecture: String? { nil }

    public func configured(for task: ModelTask) throws(TransformerError) -> any ModelConfiguration {
        guard task == self.task else {
            throw TransformerError(
                .unsupportedConfiguration,
                task == .maskedLanguageModel
                    ? "objective: mlm needs an encoder such as bert, this base is a \(modelType); leave objective out"
                    : "classes of texts need an encoder such as bert, this base is a \(modelType); write each row's "
                        + "label as a completion: {\"prompt\", \"completion\"}", context: "objective")
        }
        return self
    }
}
