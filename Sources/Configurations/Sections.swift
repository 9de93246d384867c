/// `data`: which rows are trained on, and how they become sequences.
public struct DataSection: Codable, Sendable, Equatable {
    /// Files of rows to train on, in this order (JSONL, also `.gz`).
    public var train: [String] = []
    /// Files of rows to evaluate on.
    public var valid: [String] = []
    /// Share of the training rows, chosen by a hash of the row, kept back for evaluation; in (0, 1).
    public var validFraction: Double?
    /// Names a row has instead of Shoal's, as `prompt: question`.
    public var columns = OrderedMap<String>()
    /// The classes of labelled rows by number; empty: those of the base's head, else the distinct labels of the rows
    /// trained on.
    public var labels: [String] = []
    /// Longest sequence in tokens.
    public var maxSequenceLength = 512
    /// Whether a micro-batch may hold several sequences.
    public var packing = true
    /// Whether the rows of an epoch are permuted.
    public var shuffle = true
    /// Which tokens of a chat have a loss.
    public var trainOn = SupervisedTokens.assistant
    /// Name of a chat template to use instead of the base's own.
    public var chatTemplate: String?

    public init() {}
}

/// `adapter`: the LoRA adapter, with the meaning of PEFT's `LoraConfig`.
public struct AdapterSection: Codable, Sendable, Equatable {
    /// Rank of the update, `r`.
    public var loraRank = 8
    /// Numerator of the scaling, `lora_alpha`.
    public var loraAlpha = 16.0
    /// Probability that an input of A is zeroed in training.
    public var loraDropout = 0.0
    /// Which linear modules are adapted.
    public var targetModules = TargetModules.allLinear
    /// Indices of the blocks that are adapted; nil: all.
    public var layersToTransform: [Int]?
    /// Other ranks for modules that a name or regular expression matches; the first match counts.
    public var rankPattern = OrderedMap<Int>()
    /// Other alphas for modules that a name or regular expression matches; the first match counts.
    public var alphaPattern = OrderedMap<Double>()
    /// Scale by α ÷ √r instead of α ÷ r.
    public var useRSLoRA = false
    /// Weight-decomposed adapters.
    public var useDoRA = false
    /// How A and B start.
    public var initialWeights = InitialWeights.zeroB
    /// Modules trained whole beside the adapter: those whose name ends in one of these.
    public var modulesToSave: [String] = []
    /// Biases of the base trained beside the adapter.
    public var bias = TrainedBiases.none
    /// A PEFT directory whose adapter training starts from.
    public var initFrom: String?
    /// `base_model_name_or_path` to write into `adapter_config.json` instead of `base`.
    public var baseModelName: String?

    public init() {}
}

/// `partial`: which parts of the base `method: partial` trains.
public struct PartialSection: Codable, Sendable, Equatable {
    /// Number of blocks, counted from the top.
    public var layers = 2
    /// Whether the final normalisation is trained.
    public var finalNorm = true
    /// Whether the language-model head is trained.
    public var head = false

    public init() {}
}

/// `training`: the optimizer, the length of the run and how a step is cut.
public struct TrainingSection: Codable, Sendable, Equatable {
    /// Optimizer steps; nil: `numTrainEpochs` decides.
    public var maxSteps: Int?
    /// Passes over the data; may be a fraction.
    public var numTrainEpochs = 1.0
    /// Examples of one optimizer step, over the whole cluster.
    public var batchSize = 16
    /// Peak learning rate per optimizer step; nil: see ``RunConfiguration/learningRate``.
    public var learningRate: Double?
    /// Shape of the learning rate over the run.
    public var schedule = ScheduleKind.linear
    /// Share of the steps in which the rate rises to its peak; in [0, 1].
    public var warmupRatio = 0.0
    /// Decoupled weight decay of AdamW.
    public var weightDecay = 0.0
    /// Decay of AdamW's first moment.
    public var adamBeta1 = 0.9
    /// Decay of AdamW's second moment.
    public var adamBeta2 = 0.999
    /// Added outside the root.
    public var adamEpsilon = 1e-8
    /// Largest global gradient norm; 0: no clipping.
    public var maxGradNorm = 1.0
    /// LoRA+: B's learning rate over A's; nil: 1.
    public var loraPlusRatio: Double?
    /// Key of every random number of the run.
    public var seed: UInt64 = 42
    /// Micro-batches a step is cut into.
    public var microBatches = 8
    /// A micro-batch of several sequences holds no more tokens than this.
    public var maxTokensPerMicroBatch = 512
    /// Whether blocks are computed once more on the way back.
    public var gradientCheckpointing = ActivationCheckpointing.never
    /// MiB of activations of the frozen blocks below the lowest trained one that a worker keeps from epoch to epoch.
    public var activationCache = 0
    /// What a loss or gradient norm that is not finite does.
    public var onNonFinite = NonFinitePolicy.stop

    public init() {}
}

/// `evaluation`: when `valid` is measured.
public struct EvaluationSection: Codable, Sendable, Equatable {
    /// How often; never by default.
    public var every = Interval.never
    /// Evaluations without a better loss after which training ends; nil: never.
    public var earlyStoppingPatience: Int?

    public init() {}
}

/// `checkpoint`: when the run's state is written, and how many are kept.
public struct CheckpointSection: Codable, Sendable, Equatable {
    /// How often.
    public var every = Interval.steps(50)
    /// Newest checkpoints that stay on disk.
    public var keep = 3

    public init() {}
}

/// `cluster`: how workers and coordinator work together; never changes a bit of the result.
public struct ClusterSection: Codable, Sendable, Equatable {
    /// The way gradients are summed over workers.
    public var collective = CollectiveKind.mesh
    /// What is promised about the bits.
    public var numerics = NumericsKind.exact
    /// Seconds between heartbeats.
    public var heartbeatSeconds = 1.0
    /// Seconds of silence after which a worker counts as lost.
    public var lostAfterSeconds = 5.0
    /// Seconds a worker waits for a coordinator to come back.
    public var orphanTimeoutSeconds = 600.0
    /// How often the digest of a partial or full state is taken (an adapter's is taken each step).
    public var digestEvery = Interval.steps(50)

    public init() {}
}

/// `telemetry`: what is written beside the run's own files.
public struct TelemetrySection: Codable, Sendable, Equatable {
    /// Whether `RUN/tensorboard` gets an event file.
    public var tensorBoard = false

    public init() {}
}
