public import Tensors

/// Why a generated text ended.
public enum StopReason: Sendable, Equatable {
    /// The model chose this stop id.
    case stopID(Int32)
    /// As many tokens as were asked for.
    case maximumTokens
    /// The model can attend over no more.
    case contextFull
    /// The caller wanted no more.
    case cancelled
}

/// What ends a generated text and how its tokens are chosen.
public struct GenerationOptions: Sendable, Equatable {
    /// Tokens to generate at most.
    public var maximumNewTokens: Int
    /// Ids that end the text; they are not part of it.
    public var stopIDs: Set<Int32>
    public var sampling: SamplingOptions

    public init(maximumNewTokens: Int, stopIDs: Set<Int32> = [], sampling: SamplingOptions = .init()) {
        self.maximumNewTokens = maximumNewTokens
        self.stopIDs = stopIDs
        self.sampling = sampling
    }
}

/// Continues texts token by token. What consecutive prompts have in common from their start, as the turns of a chat
/// do, is computed once.
///
/// - Thread: one at a time.
public final class TextGenerator<Model: GenerativeModel> {
    private let model: Model
    private let parameters: Vector
    private let workspace: Model.Workspace
    private let cache: KeyValueCache
    private let logits: Vector
    /// The ids whose keys and values the cache holds.
    private var cachedIDs: [Int32] = []

    /// - Parameters:
    ///   - parameters: [trainable.count] the adapter's values; not to be changed while the generator is in use.
    ///   - threadCount: threads that share each product.
    public init(model: Model, parameters: Vector, threadCount: Int = 1) {
        self.model = model
        self.parameters = parameters
        workspace = model.makeGenerationWorkspace(threadCount: threadCount)
        cache = model.makeCache()
        logits = Vector(zeros: model.vocabularySize)
    }

    /// Generates the continuation of `prompt`.
    ///
    /// - Parameter onToken: called with each new id; false ends the text.
    /// - Returns: the new ids, without the stop id, and why there are no more.
    /// - Throws: ``TransformerError`` with code `.invalidBatch` for an empty prompt or an id outside the vocabulary,
    ///   `.sequenceTooLong` for a prompt that fills the context; and what `onToken` throws.
    public func generate(
        prompt: [Int32], options: GenerationOptions, onToken: (Int32) throws -> Bool = { _ in true }
    ) throws -> (tokenIDs: [Int32], reason: StopReason) {
        var sampler = Sampler(options: options.sampling)
        var generated: [Int32] = []
        guard options.maximumNewTokens > 0 else { return ([], .maximumTokens) }
        try prefill(prompt)
        while true {
            let id = sampler.next(logits: logits)
            if options.stopIDs.contains(id) { return (generated, .stopID(id)) }
            generated.append(id)
            guard try onToken(id) else { return (generated, .cancelled) }
            guard generated.count < options.maximumNewTokens else { return (generated, .maximumTokens) }
            guard cachedIDs.count < model.contextLength else { return (generated, .contextFull) }
            try append([id])
        }
    }

    /// Computes the logits behind `prompt`, from where it differs from what the cache holds.
    private func prefill(_ prompt: [Int32]) throws {
        let common = zip(prompt, cachedIDs).prefix { $0 == $1 }.count
        let kept = min(common, max(prompt.count - 1, 0))
        cache.truncate(to: kept)
        cachedIDs.removeLast(cachedIDs.count - kept)
        try append(Array(prompt.dropFirst(kept)))
    }

    private func append(_ tokenIDs: [Int32]) throws {
        try model.logits(
            following: tokenIDs, cache: cache, parameters: parameters, workspace: workspace, into: logits)
        cachedIDs += tokenIDs
    }
}
