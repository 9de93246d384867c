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

    /// The groups of Hugging Face's Trainer and of PEFT's LoRA+.
    ///
    /// - Parameters:
    ///   - weightDecay: for every tensor but biases and the weights of normalisations (those with one dimension;
    ///     DoRA's magnitudes have one too and do decay, as in the Trainer).
    ///   - loraPlusRatio: how many times the learning rate of A the matrices B get (Hayou et al. 2024,
    ///     arXiv:2402.12354); nil for plain LoRA.
    public init(layout: ParameterLayout, weightDecay: Double, loraPlusRatio: Double? = nil) {
        self.init(layout: layout) { entry in
            let isMagnitude = entry.name.contains("lora_magnitude_vector")
            return Settings(
                learningRateMultiplier: entry.name.contains(".lora_B.") ? loraPlusRatio ?? 1 : 1,
                weightDecay: entry.shape.count >= 2 || isMagnitude ? weightDecay : 0)
        }
    }
}
