public import Layers
public import Tensors

/// Which modules of a base a LoRA adapter adapts and how each, and which tensors it trains whole.
public struct AdapterPlacement: Sendable {
    /// One adapted module.
    public struct Module: Sendable {
        public let module: LinearModule
        public let settings: LoRAModuleSettings
    }

    /// The adapted modules in the model's forward order; never empty.
    public let modules: [Module]
    /// The tensors of `modules_to_save` and `bias`: by the name in the base, that of the trained copy in a PEFT file.
    public let copies: [String: String]

    /// The adapted embeddings and output heads, whose unchanged matrices PEFT saves beside their adapters.
    public var vocabularyModules: [LinearModule] {
        modules.map(\.module).filter { $0.isEmbedding || $0.isOutputHead }
    }

    /// The adapted embeddings.
    public var embeddings: [LinearModule] { modules.map(\.module).filter(\.isEmbedding) }

    /// Elements of the parameters that are never changed: of PiSSA what A and B began as.
    ///
    /// - Parameter layout: of a model built with this placement.
    public func frozenElements(of layout: ParameterLayout) -> [Range<Int>] {
        let ranges = Dictionary(
            layout.entries.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first })
        return modules.flatMap { placed -> [Range<Int>] in
            let (rank, frozen) = (placed.settings.loraRank, placed.settings.frozenRank)
            guard frozen > 0, let a = ranges[LoRAMatrix.a.tensorName(of: placed.module)],
                let b = ranges[LoRAMatrix.b.tensorName(of: placed.module)]
            else { return [] }
            let rows = (0..<placed.module.outputCount).map { row in
                b.lowerBound + (row + 1) * rank - frozen..<b.lowerBound + (row + 1) * rank
            }
            return [a.upperBound - frozen * placed.module.inputCount..<a.upperBound] + rows
        }
    }

    /// What a model is built with.
    public var parts: TrainedParts { TrainedParts(adapters: settingsByName, copies: copies) }

    /// What the adapter has beside pairs of A and B, as the key of PEFT that asks for it; nil for plain LoRA.
    public var featureBesideLoRA: String? {
        if modules.contains(where: \.settings.usesDoRA) { return "use_dora" }
        return copies.keys.min().map { "modules_to_save or bias (\($0))" }
    }

    private var settingsByName: [String: any LinearAdapterSettings] {
        Dictionary(modules.map { ($0.module.name, $0.settings) }, uniquingKeysWith: { first, _ in first })
    }

    /// Finds the modules that `configuration` targets.
    ///
    /// - Parameters:
    ///   - modules: all linear maps of the base, and its embeddings.
    ///   - tensors: names of all tensors of the base that may be trained whole.
    ///   - requiresEveryMatch: whether each single name, layer and pattern has to match a module. True for what a
    ///     user writes; false for an adapter from elsewhere, whose tensors are compared one by one anyway.
    /// - Throws: ``AdapterError`` with code `.noMatch` that names the target and the nearest module names;
    ///   `.invalidConfiguration` for a module that would be trained twice; those of
    ///   ``LoRAConfiguration/validateSupported()``.
    public init(
        _ configuration: LoRAConfiguration, modules: [LinearModule], tensors: [String] = [],
        requiresEveryMatch: Bool = true
    ) throws(AdapterError) {
        try configuration.validateSupported()
        if configuration.targets == .allLinear, configuration.layersToTransform != nil {
            let linear = modules.filter { !$0.isOutputHead && !$0.isEmbedding }
            throw AdapterError(
                code: .invalidConfiguration,
                message:
                    "adapter.layers_to_transform cannot go with target_modules: all-linear, nor in PEFT; list the modules:"
                    + " target_modules: [\(ModuleNames(linear).kinds)]",
                context: "layers_to_transform")
        }
        let matcher = try TargetMatcher(configuration)
        let placed = modules.filter(matcher.matches)
        if requiresEveryMatch { try matcher.requireEveryMatch(modules: modules, placed: placed) }
        guard !placed.isEmpty else {
            throw AdapterError(
                code: .noMatch,
                message:
                    "adapter.target_modules: \(configuration.targets.shortText) matches no linear module of the"
                    + " base; it has \(ModuleNames(modules).kinds)",
                context: "target_modules")
        }
        let ranks = try OverrideMatcher(configuration.rankPattern, key: "rank_pattern")
        let alphas = try OverrideMatcher(configuration.alphaPattern, key: "alpha_pattern")
        if requiresEveryMatch {
            try ranks.requireEveryMatch(placed)
            try alphas.requireEveryMatch(placed)
        }
        self.modules = placed.map { module in
            let loraRank = ranks.value(for: module.name) ?? configuration.loraRank
            let loraAlpha = alphas.value(for: module.name) ?? configuration.loraAlpha
            let frozenRank = configuration.isPiSSA && !module.isEmbedding ? loraRank : 0
            return Module(
                module: module,
                settings: LoRAModuleSettings(
                    loraRank: loraRank + frozenRank, frozenRank: frozenRank,
                    loraScaling: configuration.loraScaling(loraRank: loraRank, loraAlpha: loraAlpha),
                    dropout: Float(configuration.loraDropout), usesDoRA: configuration.usesDoRA))
        }
        copies = try TrainedCopies(
            configuration, tensors: tensors, adapted: Set(placed.map(\.name)),
            requiresEveryMatch: requiresEveryMatch
        ).names
    }

    /// `configuration` with `all-linear` written as the names it stands for, as PEFT saves it, so that tools that
    /// know only lists of names read it too, and with what PEFT finds out of the base's weights.
    public func spelledOut(_ configuration: LoRAConfiguration, modules all: [LinearModule])
        -> LoRAConfiguration
    {
        var result = configuration
        // PEFT says of the whole what holds of the last map.
        result.hasTransposedWeights =
            self.modules.last { !$0.module.isEmbedding }?.module.isTransposed ?? false
        guard configuration.targets == .allLinear else { return result }
        let placed = Set(modules.map(\.module.name))
        let kinds = Set(placed.map(ModuleNames.lastComponent)).sorted()
        result.targets = .names(kinds)
        // The short names must mean these modules and no others; else each module is named in full.
        if let again = try? AdapterPlacement(result, modules: all, requiresEveryMatch: false),
            Set(again.modules.map(\.module.name)) == placed
        {
            return result
        }
        result.targets = .names(placed.sorted())
        return result
    }
}

extension LoRAConfiguration.Targets {
    /// The value as it stands in a configuration, for errors.
    var shortText: String {
        switch self {
        case .allLinear: "all-linear"
        case .names(let names):
            "[" + names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …]" : "]")
        case .pattern(let pattern): "'\(pattern)'"
        }
    }
}
