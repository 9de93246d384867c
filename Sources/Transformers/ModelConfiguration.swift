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
    /// Every tensor the model reads.
    var weightShapes: [WeightShape] { get }
    /// Bytes of activations and scratch that a compute thread comes to hold once it has seen such a micro-batch.
    ///
    /// - Parameter adapters: by module name, as for ``makeModel(weights:adapters:)``.
    func workspaceByteCount(
        for batch: BatchExtent, adapters: [String: any LinearAdapterSettings]
    ) -> Int
    /// The model, with the adapters attached to the modules they are named for.
    ///
    /// - Throws: ``TransformerError`` with code `.unknownModule`, or what `weights` throws.
    func makeModel(weights: any WeightSource, adapters: [String: any LinearAdapterSettings]) throws
        -> any GenerativeModel
}

extension ModelConfiguration {
    /// Elements of all tensors the model reads; a tied head counts once.
    public var parameterCount: Int { weightShapes.reduce(0) { $0 + $1.count } }
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

/// Name and shape of a frozen tensor.
public struct WeightShape: Sendable, Equatable {
    /// Hugging Face's name.
    public let name: String
    /// Outermost first.
    public let shape: [Int]
    /// Product of `shape`.
    public var count: Int { shape.reduce(1, *) }

    public init(name: String, shape: [Int]) {
        self.name = name
        self.shape = shape
    }
}
