public import Kernels

/// How the decoders of a family are put together: everything that follows from a configuration, under Hugging Face's
/// names. Shapes, modules, memory and the model itself come from it.
public struct DecoderDesign: Sendable {
    /// One linear map of a block.
    public struct Map: Sendable, Equatable {
        /// Its path within the block, e.g. `self_attn.q_proj`.
        public var name: String
        public var inputCount: Int
        public var outputCount: Int
        public var hasBias: Bool

        public init(_ name: String, _ inputCount: Int, _ outputCount: Int, hasBias: Bool = false) {
            self.name = name
            self.inputCount = inputCount
            self.outputCount = outputCount
            self.hasBias = hasBias
        }
    }

    /// The kind of all normalisations.
    public enum Norm: Sendable, Equatable {
        /// Root mean square, a weight.
        case rms(epsilon: Float)
        /// Mean and deviation, a weight and a bias.
        case layer(epsilon: Float)
    }

    /// The maps to queries, keys and values.
    public enum Inputs: Sendable, Equatable {
        case separate(query: Map, key: Map, value: Map)
        case fused(Map)
    }

    /// Root mean square norms of each head's queries and keys, of its D columns.
    public struct HeadNorms: Sendable, Equatable {
        /// Paths within a block.
        public var query: String
        public var key: String
        public var epsilon: Float

        public init(query: String, key: String, epsilon: Float) {
            self.query = query
            self.key = key
            self.epsilon = epsilon
        }
    }

    /// The feed-forward part.
    public enum FeedForward: Sendable, Equatable {
        case gatedSiLU(gate: Map, up: Map, down: Map)
        case gelu(GELUForm, up: Map, down: Map)
    }

    /// Where positions enter.
    public enum Positions: Sendable {
        /// Queries and keys are rotated.
        case rotary(RotaryTable)
        /// A table [count, C] of this name is added to the embedding.
        case learned(name: String, count: Int)
    }

    /// C
    public var hiddenSize: Int
    /// V
    public var vocabularySize: Int
    /// L
    public var layerCount: Int
    public var attentionShape: AttentionShape
    /// Module of the embedding [V, C].
    public var embedding: String
    public var positions: Positions
    /// What blocks are called, before their number.
    public var blocks: String
    public var norm: Norm
    /// Paths within a block.
    public var inputNorm: String
    public var attentionNorm: String
    public var inputs: Inputs
    /// With separate ``inputs`` only.
    public var headNorms: HeadNorms?
    public var output: Map
    public var feedForward: FeedForward
    /// Module of the norm behind the last block.
    public var finalNorm: String
    /// Module of the output head.
    public var head: String
    /// Whether the head is the embedding's matrix.
    public var isHeadTied: Bool
    /// Whether the weights of a block's maps are [in, out].
    public var hasTransposedMaps: Bool

    public init(
        hiddenSize: Int, vocabularySize: Int, layerCount: Int, attentionShape: AttentionShape,
        embedding: String, positions: Positions, blocks: String, norm: Norm, inputNorm: String,
        attentionNorm: String, inputs: Inputs, output: Map, feedForward: FeedForward, finalNorm: String,
        head: String, isHeadTied: Bool, hasTransposedMaps: Bool = false
    ) {
        self.hiddenSize = hiddenSize
        self.vocabularySize = vocabularySize
        self.layerCount = layerCount
        self.attentionShape = attentionShape
        self.embedding = embedding
        self.positions = positions
        self.blocks = blocks
        self.norm = norm
        self.inputNorm = inputNorm
        self.attentionNorm = attentionNorm
        self.inputs = inputs
        self.output = output
        self.feedForward = feedForward
        self.finalNorm = finalNorm
        self.head = head
        self.isHeadTied = isHeadTied
        self.hasTransposedMaps = hasTransposedMaps
    }
}
