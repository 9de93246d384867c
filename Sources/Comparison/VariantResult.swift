public import Lab

/// What became of a variant.
public struct VariantResult: Sendable, Equatable, Codable {
    public var variant: Variant
    /// Its base.
    public var base: String
    /// Compute threads of each worker.
    public var threadCount: Int
    /// Why it was not measured; nil where it was.
    public var failure: String?
    /// Every learning rate tried.
    public var trials: [Trial] = []
    /// Steps on this machine without a limit, and in the lab on each link.
    public var measurements: [Measurement] = []

    public init(variant: Variant, base: String, threadCount: Int) {
        self.variant = variant
        self.base = base
        self.threadCount = threadCount
    }

    /// A whole run at a learning rate.
    public struct Trial: Sendable, Equatable, Codable {
        public var learningRate: Double
        /// On rows that were not trained on, after the last step.
        public var heldOut: Quality
        /// On the general text; nil where there is none.
        public var general: Quality?
        public var stored: StoredFigures
        public var steps: StepFigures
        public var curve: LossCurve
        /// Joules a step; nil where the processor's counters are not readable.
        public var joulesPerStep: Double?

        public init(
            learningRate: Double, heldOut: Quality, general: Quality?,
            stored: StoredFigures,
            steps: StepFigures, curve: LossCurve, joulesPerStep: Double?
        ) {
            self.learningRate = learningRate
            self.heldOut = heldOut
            self.general = general
            self.stored = stored
            self.steps = steps
            self.curve = curve
            self.joulesPerStep = joulesPerStep
        }
    }

    /// Steps on hosts with links of a rate, at the best learning rate.
    public struct Measurement: Sendable, Equatable, Codable {
        public var link: LinkRate
        public var steps: StepFigures
        /// Whether each of its steps had the gradient, to the bit, that it had on this machine alone.
        public var hasSameGradients: Bool

        public init(link: LinkRate, steps: StepFigures, hasSameGradients: Bool) {
            self.link = link
            self.steps = steps
            self.hasSameGradients = hasSameGradients
        }
    }

    /// The trial with the lowest loss on held-out rows; nil where none has a loss.
    public var best: Trial? {
        trials.filter { $0.heldOut.loss.isFinite }.min { $0.heldOut.loss < $1.heldOut.loss }
    }

    /// Whether the best learning rate is the lowest or the highest tried of several: a better one may lie beyond.
    public var isBestAtEdge: Bool {
        guard trials.count > 1, let best else { return false }
        let rates = trials.map(\.learningRate)
        return best.learningRate == rates.min() || best.learningRate == rates.max()
    }

    /// What stands for the variant in the report: the slowest link, with the first number of workers; without links the
    /// best trial.
    public var headline: (link: LinkRate?, steps: StepFigures)? {
        let workers = measurements.first?.steps.workers
        let slowest = measurements.filter { $0.steps.workers == workers }.min {
            ($0.link.bitsPerSecond ?? .infinity) < ($1.link.bitsPerSecond ?? .infinity)
        }
        if let slowest { return (slowest.link, slowest.steps) }
        return best.map { (nil, $0.steps) }
    }

    /// Loss against steps, time and bytes, as the headline's steps cost them.
    public var curve: LossCurve? {
        guard let best, let headline else { return nil }
        guard headline.link != nil else { return best.curve }
        return best.curve.timed(
            secondsPerStep: headline.steps.stepSeconds,
            bytesPerStep: headline.steps.bytesSentPerWorker * Double(headline.steps.workers))
    }
}
