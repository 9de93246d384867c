import Bases
public import Logging
public import Tensors
public import Tokenizers
public import Transformers

/// A base, with or without an adapter, that is used and not trained.
public struct InferenceModel: Sendable {
    public let base: LoadedBase
    public let model: any TransformerModel
    /// The adapter's values; empty without one.
    public let parameters: Vector

    /// Opens a base and, if given, a PEFT directory on it.
    ///
    /// - Throws: as ``LoadedBase`` and ``AdaptedModel``.
    public init(
        base reference: String, adapter: String?, allowsDifferentBase: Bool = false, logger: Logger
    ) async throws {
        try self.init(
            base: try await LoadedBase(reference: reference, logger: logger), adapter: adapter,
            allowsDifferentBase: allowsDifferentBase)
    }

    /// A model at hand with the values of its adapter.
    init(base: LoadedBase, model: any TransformerModel, parameters: Vector) {
        self.base = base
        self.model = model
        self.parameters = parameters
    }

    /// Opens, if given, a PEFT directory on an opened base.
    public init(base: LoadedBase, adapter: String?, allowsDifferentBase: Bool = false) throws {
        self.base = try adapter.map(base.configured(forAdapterAt:)) ?? base
        if let adapter {
            let (adapted, values) = try AdaptedModel.open(
                adapter, on: base, allowsDifferentBase: allowsDifferentBase)
            model = adapted.model
            parameters = values
        } else {
            model = try AdaptedModel.bare(base)
            parameters = Vector(zeros: 0)
        }
    }

    /// Whether it can continue a text; an encoder cannot.
    public var continuesTexts: Bool { model is any GenerativeModel }

    /// A generator of texts, with a cache of its own.
    ///
    /// - Parameter threadCount: threads that share each product.
    /// - Throws: ``TrainingError`` with code `.unsupported` for an encoder.
    public func makeTextStream(threadCount: Int) throws(TrainingError) -> TextStream {
        func open(_ model: some GenerativeModel) -> TextStream {
            let generator = TextGenerator(model: model, parameters: parameters, threadCount: threadCount)
            return TextStream(tokenizer: base.tokenizer) { prompt, options, onToken in
                try generator.generate(prompt: prompt, options: options, onToken: onToken)
            }
        }
        guard let generative = model as? any GenerativeModel else {
            throw TrainingError(
                .unsupported,
                "\(base.base.path): a \(base.configuration.modelType) model does not continue texts; a classifier says the "
                    + "class of one with shoal generate")
        }
        return open(generative)
    }

    /// How messages are written for this base: in the named template, else in the base's own.
    ///
    /// - Throws: `TokenizerError` with code `.unknownChatTemplate` that lists the names.
    public func chatTemplate(named name: String? = nil) throws -> ChatTemplate {
        try ChatTemplate.resolve(for: base.tokenizer, override: name)
    }

    /// The prompt after which the assistant's next message comes.
    ///
    /// - Throws: `TokenizerError` with code `.invalidMessages` for messages the template does not accept.
    public func promptIDs(of messages: [ChatMessage], template: ChatTemplate) throws -> [Int32] {
        try template.encode(messages, addGenerationPrompt: true, tokenizer: base.tokenizer).ids
    }

    /// Ids at which a text ends: the tokenizer's and the model configuration's.
    public var endTokenIDs: Set<Int32> {
        Set(base.tokenizer.endTokenIDs).union(base.configuration.endOfSequenceIDs)
    }
}

/// Continues texts and hands over whole characters as they become known.
///
/// - Thread: one at a time.
public final class TextStream {
    /// Generates ids: prompt, options, and what is told each new id.
    typealias Generate = (
        [Int32], GenerationOptions, (Int32) throws -> Bool
    ) throws -> (tokenIDs: [Int32], reason: StopReason)

    private let tokenizer: any Tokenizer
    private let generate: Generate

    init(tokenizer: any Tokenizer, generate: @escaping Generate) {
        self.tokenizer = tokenizer
        self.generate = generate
    }

    /// Continues `prompt`.
    ///
    /// - Parameter onText: called with each new piece of text; false ends it.
    /// - Returns: the new ids, without the one that ended the text, and why there are no more.
    public func run(
        prompt: [Int32], options: GenerationOptions, onText: (String) throws -> Bool
    ) throws -> (tokenIDs: [Int32], reason: StopReason) {
        var decoder = StreamingDecoder(tokenizer: tokenizer, skipSpecialTokens: true)
        let result = try generate(prompt, options) { id in
            let text = decoder.append(id)
            return text.isEmpty ? true : try onText(text)
        }
        let rest = decoder.finish()
        if !rest.isEmpty { _ = try onText(rest) }
        return result
    }
}
