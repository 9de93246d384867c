public import Configurations
public import Datasets
import Tokenizers
import Transformers

extension SequenceBuilder {
    /// How a run's rows become sequences: with the base's tokenizer, for what its model computes, and, where there are
    /// chats, in its template.
    ///
    /// - Parameter seed: `training.seed`, of the masks of a masked language model.
    /// - Throws: `TokenizerError` when `dataset` has chats and their template is not known; `DatasetError` that names
    ///   file and line of a chat that the template does not accept.
    public init(_ data: DataSection, base: LoadedBase, dataset: Dataset, seed: UInt64) throws {
        let hasChats = dataset.readers.contains { $0.shape.isChat }
        self.init(
            tokenizer: base.tokenizer,
            chatTemplate: hasChats
                ? try ChatTemplate.resolve(for: base.tokenizer, override: data.chatTemplate) : nil,
            maxSequenceLength: min(data.maxSequenceLength, base.configuration.contextLength),
            learnsWholeChat: data.trainOn == .all,
            objective: try Self.objective(of: base, seed: seed))
        try checkChats(of: dataset)
    }

    private static func objective(of base: LoadedBase, seed: UInt64) throws -> SequenceObjective {
        switch base.configuration.task {
        case .causalLanguageModel: .nextToken
        case .maskedLanguageModel:
            .maskedTokens(
                try TokenMasking(seed: seed, tokenizer: base.tokenizer), try TextFrame(of: base.tokenizer))
        case .sequenceClassification(let labels):
            .label(try ClassLabels(labels), try TextFrame(of: base.tokenizer))
        }
    }
}
