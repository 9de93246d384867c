public import Layers

/// What is known of a model from its config.json alone.
public protocol ModelConfiguration: Sendable {
    /// `model_type` of config.json.
    var modelType: String { get }
    /// V
    var vocabularySize: Int { get }
    /// The longest sequence it can attend over.
    var contextLength: Int { get }
    /// Ids that end a generated text (`eos_token_id`); may be empty.
    var endOfSequenceIDs: [Int32] { get }
    /// All linear maps in forward order, the output head last.
    var linearModules: [LinearModule] { get }
    /// The embeddings that adapters can be attached to, numbered behind the linear maps.
    var embeddingModules: [LinearModule] { get }
    /// Every tensor the model reads.
    var weightShapes: [WeightShape] { get }
    /// What its models compute behind the last block.
    var task: ModelTask { get }
    /// Whether every token sees its whole text, so that texts are classified or completed, not continued.
    var isEncoder: Bool { get }
    /// The classes of the base's own head by number (`id2label`); may be empty.
    var labelNames: [String] { get }
    /// Modules that are trained whole beside every adapter, with new values where the base has none: a classifier's head.
    var headModules: [String] { get }
    /// Of those the module with a row for each class; nil without classes.
    var classifier: String? { get }
    /// What transformers calls the model with the head that `task` needs (`architectures` of config.json); nil leaves what
    /// the base says.
    var architecture: String? { get }
    /// The same base with the head that `task` needs.
    ///
    /// - Throws: ``TransformerError`` with code `.unsupportedConfiguration` for a task that its family has no head for.
    func configured(for task: ModelTask) throws(TransformerError) -> any ModelConfiguration
    /// Bytes of activations and scratch that a compute thread comes to hold once it has seen such a micro-batch.
    ///
    /// - Parameters:
    ///   - trained: as for ``makeModel(weights:trained:)``.
    ///   - recomputesActivations: as in ``ActivationMemory``.
    func workspaceByteCount(
        for batch: BatchExtent, trained: TrainedParts, recomputesActivations: Bool
    ) -> Int
    /// The model, with adapters attached to the modules they are named for, and the values of the base's trained
    /// tensors among its parameters.
    ///
    /// - Throws: ``TransformerError`` with code `.unknownModule`, or what `weights` throws.
    func makeModel(weights: any WeightSource, trained: TrainedParts) throws -> any TransformerModel
}

extension ModelConfiguration {
    public var embeddingModules: [LinearModule] { [] }

    /// What adapters can be attached to.
    public var adaptableModules: [LinearModule] { linearModules + embeddingModules }

    /// Whether a tensor belongs to one of ``headModules``.
    public func isOfHead(_ tensor: String) -> Bool { headModules.contains { tensor.hasPrefix($0 + ".") } }

    /// Elements of all tensors the model reads; a tied head counts once.
    public var parameterCount: Int { weightShapes.reduce(0) { $0 + $1.count } }

    /// Blocks of the model.
    public var blockCount: Int {
        weightShapes.reduce(0) { count, shape in
            if case .block(let block) = shape.part { max(count, block + 1) } else { count }
        }
    }

    /// The tensors of the last `blocks` blocks and, where wanted, of the final normalisation and of the head, which is
    /// the embedding's matrix where the two are tied.
    public func weightShapes(lastBlocks blocks: Int, finalNorm: Bool, head: Bool) -> [WeightShape] {
        let first = blockCount - blocks
        return weightShapes.filter { shape in
            switch shape.part {
            case .embedding: false
            case .block(let block): block >= first
            case .finalNorm: finalNorm
            case .tiedEmbedding, .head: head
            }
        }
    }

    /// The head's matrix where the base has none of its own, being tied to the embedding: its name, and the base's tensor
    /// whose values it has.
    public var tiedHead: (name: String, source: WeightShape)? {
        guard let source = weightShapes.first(where: { $0.part == .tiedEmbedding }),
            let head = linearModules.last(where: \.isOutputHead)
        else { return nil }
        return (head.name + ".weight", source)
    }

    /// Names of the tensors that may be trained beside an adapter: those of the base, and a tied head's.
    public var copyableTensors: [String] { weightShapes.map(\.name) + (tiedHead.map { [$0.name] } ?? []) }

    /// Throws unless the model has all modules and tensors that `trained` names.
    ///
    /// - Throws: ``TransformerError`` with code `.unknownModule` that names the first it has not.
    func requireKnown(_ trained: TrainedParts) throws(TransformerError) {
        let modules = Set(adaptableModules.map(\.name))
        let tensors = Set(trained.unties ? copyableTensors : weightShapes.map(\.name))
        for (kind, unknown) in [
            ("linear module or embedding", trained.adapters.keys.filter { !modules.contains($0) }.min()),
            ("tensor", trained.tensors.keys.filter { !tensors.contains($0) }.min()),
        ] {
            guard let unknown else { continue }
            throw TransformerError(
                .unknownModule,
                "'\(unknown)' is no \(kind) of this \(modelType) model with \(blockCount) layers",
                context: unknown)
        }
    }
}

/// How large a micro-batch is, for estimates of memory.
public struct BatchExtent: Sendable, Equatable {
    /// N, tokens of all sequences.
    public var tokenCount: Int
    /// M, tokens with a target.
    public var supervisedCount: Int
    /// Tokens of the longest sequence.
    public var longestSequence: Int

    public init(tokenCount: Int, supervisedCount: Int, longestSequence: Int) {
        self.tokenCount = tokenCount
        self.supervisedCount = supervisedCount
        self.longestSequence = longestSequence
    }
}

/// Name, shape and place of a tensor of the base.
public struct WeightShape: Sendable, Equatable {
    /// Where in the model a tensor stands.
    public enum Part: Sendable, Equatable {
        /// What turns ids into vectors.
        case embedding
        /// An embedding whose matrix makes the logits, too.
        case tiedEmbedding
        /// The block with this index, from 0.
        case block(Int)
        /// The normalisation behind the last block.
        case finalNorm
        /// What makes the logits.
        case head
    }

    /// Hugging Face's name.
    public let name: String
    /// Outermost first.
    public let shape: [Int]
    public let part: Part
    /// Product of `shape`.
    public var count: Int { shape.reduce(1, *) }

    public init(name: String, shape: [Int], part: Part) {
        self.name = name
        self.shape = shape
        self.part = part
    }
}
