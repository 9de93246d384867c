public import Tensors

/// Which elements of the flat vector are updated with which learning rate and weight decay.
///
/// Neighbouring tensors with equal settings form one segment, so plain LoRA is a single loop.
public struct ParameterGroups: Sendable, Equatable {
    /// How one tensor is updated.
    public struct Settings: Sendable, Equatable {
        /// Times the learning rate of the step.
        public var learningRateMultiplier: Double
        /// Decoupled weight decay per unit of learning rate.
        public var weightDecay: Double

        public init(learningRateMultiplier: Double = 1, weightDecay: Double = 0) {
            self.learningRateMultiplier = learningRateMultiplier
            self.weightDecay = weightDecay
        }
    }

    /// Consecutive elements with the same settings.
    public struct Segment: Sendable, Equatable {
        public let range: Range<Int>
        public let settings: Settings
    }

    /// The segments in ascending order; together they cover the flat vector once.
    public let segments: [Segment]
    /// Elements in the flat vector.
    public let count: Int

    /// Gives each tensor of `layout` its settings.
    public init(layout: ParameterLayout, settings: (ParameterLayout.Entry) -> Settings) {
        var segments: [Segment] = []
        for entry in layout.entries where entry.count > 0 {
            let own = settings(entry)
            if let last = segments.last, last.settings == own, last.range.upperBound == entry.offset {
                segments[segments.count - 1] = Segment(
                    range: last.range.lowerBound..<entry.range.upperBound, settings: own)
            } else {
                segments.append(Segment(range: entry.range, settings: own))
            }
        }
        self.segments = segments
        count = layout.count
    }

    /// The same groups with elements that are not to change, whose gradient is zero: without decay.
    ///
    /// - Parameter frozen: in ascending order, none overlapping another, each inside one tensor.
    public func freezing(_ frozen: [Range<Int>]) -> ParameterGroups {
        // A zero gradient and no decay change nothing anyway.
        guard segments.contains(where: { $0.settings.weightDecay != 0 }) else { return self }
        var parts: [Segment] = []
        var rest = frozen[...]
        for segment in segments {
            var start = segment.range.lowerBound
            while let range = rest.first, range.lowerBound < segment.range.upperBound {
                rest.removeFirst()
                parts.append(Segment(range: start..<range.lowerBound, settings: segment.settings))
                parts.append(Segment(range: range, settings: Settings(learningRateMultiplier: 0)))
                start = range.upperBound
            }
            parts.append(Segment(range: start..<segment.range.upperBound, settings: segment.settings))
        }
        return ParameterGroups(segments: parts.filter { !$0.range.isEmpty }, count: count)
    }

    private init(segments: [Segment], count: Int) {
        self.segments = segments
        self.count = count
    }

    /// The groups of Hugging Face's Trainer and of PEFT's LoRA+.
    ///
    /// - Parameters:
    ///   - weightDecay: for every tensor but biases and the weights of normalisations (those with one dimension;
    ///     DoRA's magnitudes have one too and do decay, as in the Trainer).
    ///   - loraPlusRatio: how many times the learning rate of A the matrices B get (Hayou et al. 2024,
    ///     arXiv:2402.12354), and as in PEFT 0.21.2's `create_loraplus_optimizer` every tensor with one dimension; nil for
    ///     plain LoRA.
    ///   - peakLearningRate: of A; with `loraPlusRatio` adapters of embeddings get 1e-6, as there.
    public init(
        layout: ParameterLayout, weightDecay: Double, loraPlusRatio: Double? = nil,
        peakLearningRate: Double? = nil
    ) {
        let embedding = ".lora_embedding_A"
        let embeddings = layout.entries.map(\.name).filter { $0.hasSuffix(embedding) }.map {
            $0.dropLast(embedding.count) + "."
        }
        self.init(layout: layout) { entry in
            let isMagnitude = entry.name.contains("lora_magnitude_vector")
            let isFaster = entry.name.contains(".lora_B.") || entry.shape.count == 1
            var multiplier = isFaster ? loraPlusRatio ?? 1 : 1
            if loraPlusRatio != nil, let peakLearningRate, embeddings.contains(where: entry.name.hasPrefix) {
                multiplier = loraPlusEmbeddingRate / peakLearningRate
            }
            return Settings(
                learningRateMultiplier: multiplier,
                weightDecay: entry.shape.count >= 2 || isMagnitude ? weightDecay : 0)
        }
    }
}

/// The learning rate that PEFT's `create_loraplus_optimizer` gives adapters of embeddings.
private let loraPlusEmbeddingRate = 1e-6
