/// What is adapted by LoRA and how: the content of PEFT's `adapter_config.json`.
///
/// Names and meanings are those of PEFT 0.21.2's `LoraConfig`; each property says which key it is.
public struct LoRAConfiguration: Sendable, Equatable {
    /// `target_modules` or `exclude_modules`: which modules are meant.
    public enum Targets: Sendable, Equatable {
        /// `"all-linear"`: every linear module but the output head.
        case allLinear
        /// A module whose name is one of these, or ends in `.` and one of these.
        case names([String])
        /// A module whose whole name this regular expression matches.
        case pattern(String)
    }

    /// `init_lora_weights`: how A and B start.
    public enum InitialWeights: Sendable, Equatable {
        /// `true`: A uniform in ±1/√in, B zero: the adapted model starts as the base.
        case zeroB
        /// `"gaussian"`: A normal with deviation 1/r, B zero.
        case gaussian
        /// `false`: A uniform in ±1/√in, B uniform in ±1/√r.
        case randomB
        /// `"pissa"`, or `"pissa_niter_N"`: the largest singular terms of the weight, which is to be less them.
        case pissa(iterations: Int?)
        /// Another of PEFT's ways; an adapter made so can be read, but none can be started so.
        case other(String)
    }

    /// `bias`: which biases of the base are trained.
    public enum Bias: String, Sendable, Equatable, CaseIterable {
        /// None of them.
        case none
        /// Every bias the base has.
        case all
        /// Those of the adapted modules.
        case loraOnly = "lora_only"
    }

    /// Another value for the modules that a pattern matches.
    public struct Override<Value: Sendable & Equatable>: Sendable, Equatable {
        /// A regular expression for the name, or for what follows one of its dots.
        public var pattern: String
        public var value: Value

        public init(pattern: String, value: Value) {
            self.pattern = pattern
            self.value = value
        }
    }

    /// `r`, the inner dimension; at least 1.
    public var loraRank = 8
    /// `lora_alpha`, the numerator of the scaling.
    public var loraAlpha = 8.0
    /// `lora_dropout`, the probability that an input of A is zeroed in training; in [0, 1).
    public var loraDropout = 0.0
    /// `target_modules`
    public var targets = Targets.allLinear
    /// `exclude_modules`; nil excludes none.
    public var excluded: Targets?
    /// `layers_to_transform`: the only blocks that are adapted; nil adapts all.
    public var layersToTransform: [Int]?
    /// `layers_pattern`: what blocks are called (`layers`); empty takes the first number in a module's name.
    public var layersPattern: [String] = []
    /// `rank_pattern`: other r by module; the first match counts.
    public var rankPattern: [Override<Int>] = []
    /// `alpha_pattern`: other alphas by module; the first match counts.
    public var alphaPattern: [Override<Double>] = []
    /// `use_rslora`: scale by α ÷ √r instead of α ÷ r (Kalajdzievski 2023, arXiv:2312.03732).
    public var usesRSLoRA = false
    /// `use_dora`: train the norms of the adapted weights' rows, too (Liu et al. 2024, arXiv:2402.09353).
    public var usesDoRA = false
    /// `modules_to_save`: modules trained whole beside the adapter: those whose name ends in one of these.
    public var modulesToSave: [String] = []
    /// `bias`
    public var bias = Bias.none
    /// `init_lora_weights`
    public var initialWeights = InitialWeights.zeroB
    /// `fan_in_fan_out`: whether the adapted weights are [in, out]. PEFT finds out by itself and warns where the file says
    /// otherwise.
    public var hasTransposedWeights = false
    /// `base_model_name_or_path`: where users of the adapter find its base.
    public var baseModelName: String?
    /// `revision` of the base.
    public var revision: String?
    /// `task_type`; PEFT builds its model class from it.
    public var taskType: String? = "CAUSAL_LM"
    /// Keys of a file that ask for something not done here, as `key = value`; see ``validateSupported()``.
    public var unsupportedFeatures: [String] = []

    public init() {}

    /// `task_type` of adapters with a classifier's head.
    public static let classificationTaskType = "SEQ_CLS"

    /// Largest r that is taken; far above any use, and small enough that no size overflows.
    public static let largestRank = 1 << 16

    /// α ÷ r, or α ÷ √r with rsLoRA, for a module whose r and α these are.
    public func loraScaling(loraRank: Int, loraAlpha: Double) -> Float {
        Float(loraAlpha / (usesRSLoRA ? Double(loraRank).squareRoot() : Double(loraRank)))
    }

    /// Whether A and B begin as singular terms of the weights.
    public var isPiSSA: Bool { if case .pissa = initialWeights { true } else { false } }

    /// The adapter as it is written down: of PiSSA the plain LoRA of twice the rank, and the same scaling, that
    /// ``PiSSA`` makes of it.
    ///
    /// - Parameter embeddings: names of the adapted embeddings, which have their rank once.
    public func written(embeddings: [String]) -> LoRAConfiguration {
        guard isPiSSA else { return self }
        var result = self
        result.initialWeights = .zeroB
        let alphaFactor = usesRSLoRA ? 2.0.squareRoot() : 2
        result.loraRank *= 2
        result.loraAlpha *= alphaFactor
        result.rankPattern = rankPattern.map { .init(pattern: $0.pattern, value: 2 * $0.value) }
        result.alphaPattern = alphaPattern.map { .init(pattern: $0.pattern, value: alphaFactor * $0.value) }
        for name in embeddings {
            let placed = try? (
                OverrideMatcher(rankPattern, key: "r"), OverrideMatcher(alphaPattern, key: "a")
            )
            let pattern = name.replacing(".", with: "\\.")
            result.rankPattern.insert(
                .init(pattern: pattern, value: placed?.0.value(for: name) ?? loraRank), at: 0)
            result.alphaPattern.insert(
                .init(pattern: pattern, value: placed?.1.value(for: name) ?? loraAlpha), at: 0)
        }
        return result
    }

    /// Checks ranges, and that nothing is asked for that this program does not do.
    ///
    /// - Throws: ``AdapterError`` with code `.invalidConfiguration` or `.unsupported`, naming the PEFT key.
    public func validateSupported() throws(AdapterError) {
        var features = unsupportedFeatures
        if case .other(let name) = initialWeights, !Self.readableInitialWeights.contains(name) {
            features.append("init_lora_weights = '\(name)' (it changes the base's weights too)")
        }
        guard features.isEmpty else {
            throw AdapterError(
                code: .unsupported,
                message: "adapter: \(features.joined(separator: ", ")) is not supported by this version;"
                    + " remove it, or convert the adapter to plain LoRA with PEFT",
                context: features[0])
        }
        let ranks = 1...Self.largestRank
        let expected = "1 to \(Self.largestRank)"
        try require("r", ranks.contains(loraRank), "\(loraRank)", expected)
        try require("lora_alpha", Float(loraAlpha).isFinite, "\(loraAlpha)", "a finite number")
        try require(
            "lora_dropout", loraDropout >= 0 && loraDropout < 1, "\(loraDropout)", "a number in [0, 1)")
        for override in rankPattern {
            try require(
                "rank_pattern['\(override.pattern)']", ranks.contains(override.value), "\(override.value)",
                expected)
        }
        for override in alphaPattern {
            try require(
                "alpha_pattern['\(override.pattern)']", Float(override.value).isFinite, "\(override.value)",
                "a finite number")
        }
        if case .pattern(let pattern) = targets, layersToTransform != nil {
            throw AdapterError(
                code: .invalidConfiguration,
                message:
                    "layers_to_transform cannot go with the regular expression '\(pattern)' in target_modules;"
                    + " name the layers in the expression, or list names",
                context: "layers_to_transform")
        }
    }

    /// Ways to start A and B that leave the base as it is, so that the trained matrices mean what they say.
    private static let readableInitialWeights = ["eva", "orthogonal"]

    private func require(
        _ key: String, _ holds: Bool, _ found: String, _ expected: String
    ) throws(AdapterError) {
        guard !holds else { return }
        throw AdapterError(
            code: .invalidConfiguration, message: "adapter: \(key) is \(found), expected \(expected)",
            context: key)
    }
}
