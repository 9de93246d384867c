public import Layers

/// Which modules of a base a LoRA adapter adapts, and how each.
public struct AdapterPlacement: Sendable {
    /// One adapted module.
    public struct Module: Sendable {
        public let module: LinearModule
        public let settings: LoRAModuleSettings
    }

    /// The adapted modules in the model's forward order; never empty.
    public let modules: [Module]

    /// What a model is built with: settings by module name.
    public var settingsByName: [String: any LinearAdapterSettings] {
        Dictionary(modules.map { ($0.module.name, $0.settings) }, uniquingKeysWith: { first, _ in first })
    }

    /// Finds the modules that `configuration` targets.
    ///
    /// - Parameters:
    ///   - modules: all linear modules of the base.
    ///   - requiresEveryMatch: whether each single name, layer and pattern has to match a module. True for what a
    ///     user writes; false for an adapter from elsewhere, whose tensors are compared one by one anyway.
    /// - Throws: ``AdapterError`` with code `.noMatch` that names the target and the nearest module names;
    ///   those of ``LoRAConfiguration/validateSupported()``.
    public init(
        _ configuration: LoRAConfiguration, modules: [LinearModule], requiresEveryMatch: Bool = true
    ) throws(AdapterError) {
        try configuration.validateSupported()
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
            return Module(
                module: module,
                settings: LoRAModuleSettings(
                    loraRank: loraRank,
                    loraScaling: configuration.loraScaling(loraRank: loraRank, loraAlpha: loraAlpha),
                    dropout: Float(configuration.loraDropout)))
        }
    }

    /// `configuration` with `all-linear` written as the names it stands for, as PEFT saves it, so that tools that
    /// know only lists of names read it too.
    public func spelledOut(_ configuration: LoRAConfiguration, modules all: [LinearModule])
        -> LoRAConfiguration
    {
        guard configuration.targets == .allLinear else { return configuration }
        var result = configuration
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
        result.layersToTransform = nil
        result.layersPattern = []
        return result
    }
}

extension LoRAConfiguration.Targets {
    /// The value as it stands in a configuration, for errors.
    var shortText: String {
        switch self {
        case .allLinear: "all-linear"
        case .names(let names): "[" + names.joined(separator: ", ") + "]"
        case .pattern(let pattern): "'\(pattern)'"
        }
    }
}
