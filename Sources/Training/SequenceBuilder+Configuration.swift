public import Configurations
public import Datasets
import Tokenizers
import Transformers

extension SequenceBuilder {
    /// How a run's rows become sequences: with the base's tokenizer and, where there are chats, its template.
    ///
    /// - Throws: `TokenizerError` when `dataset` has chats and their template is not known; `DatasetError` that names
    ///   file and line of a chat that the template does not accept.
    public init(_ data: DataSection, base: LoadedBase, dataset: Dataset) throws {
        let hasChats = dataset.readers.contains { $0.shape.isChat }
        self.init(
            tokenizer: base.tokenizer,
            chatTemplate: hasChats
                ? try ChatTemplate.resolve(for: base.tokenizer, override: data.chatTemplate) : nil,
            maxSequenceLength: min(data.maxSequenceLength, base.configuration.contextLength),
            learnsWholeChat: data.trainOn == .all)
        try checkChats(of: dataset)
    }
}
