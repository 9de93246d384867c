import Layers

/// Decides which modules are adapted, as PEFT does.
///
/// - Source: PEFT 0.21.2 `tuners_utils.check_target_module_exists` and `_maybe_include_all_linear_layers`.
struct TargetMatcher {
    private let targets: LoRAConfiguration.Targets
    private let excluded: LoRAConfiguration.Targets?
    private let layers: [Int]?
    private let targetPattern: RegularExpression?
    private let excludedPattern: RegularExpression?
    /// Modules that are trained whole, and all within them.
    private let savedPatterns: [RegularExpression]
    /// Each finds the index of a module's block in its name, as group `idx`.
    private let layerPatterns: [RegularExpression]

    init(_ configuration: LoRAConfiguration) throws(AdapterError) {
        targets = configuration.targets
        excluded = configuration.excluded
        layers = configuration.layersToTransform.flatMap { $0.isEmpty ? nil : $0 }
        targetPattern = try Self.expression(configuration.targets, key: "adapter.target_modules")
        excludedPattern = try configuration.excluded.flatMap { (excluded) throws(AdapterError) in
            try Self.expression(excluded, key: "adapter.exclude_modules")
        }
        var savedPatterns: [RegularExpression] = []
        for name in configuration.modulesToSave {
            savedPatterns.append(
                try RegularExpression(
                    "(^|.*\\.)(?:\(name))($|\\..*)", origin: "adapter.modules_to_save"))
        }
        self.savedPatterns = savedPatterns
        // The first numbered part of the name is the block; a later one may be an expert's.
        let layerNames =
            configuration.layersPattern.isEmpty
            ? [".*?\\.[^.]*"] : configuration.layersPattern.map { "(?:^|.*?\\.)\($0)" }
        var layerPatterns: [RegularExpression] = []
        for name in layerNames {
            layerPatterns.append(
                try RegularExpression(
                    "\(name)\\.(?P<idx>\\d+)\\.", origin: "adapter.layers_pattern"))
        }
        self.layerPatterns = layerPatterns
    }

    /// Whether `module` is adapted.
    func matches(_ module: LinearModule) -> Bool {
        if let excluded, Self.matches(module, excluded, excludedPattern) { return false }
        if savedPatterns.contains(where: { $0.matchesWhole(module.name) }) { return false }
        switch targets {
        case .allLinear:
            guard !module.isOutputHead && !module.isEmbedding else { return false }
            return isInChosenLayer(module)
        case .pattern:
            return targetPattern?.matchesWhole(module.name) ?? false
        case .names(let names):
            // A name given in full is meant wherever it stands.
            if names.contains(module.name) { return true }
            guard names.contains(where: { module.name.hasSuffix("." + $0) }) else { return false }
            return isInChosenLayer(module)
        }
    }

    /// Throws unless each name and each layer is the reason why at least one module of `placed` is adapted.
    func requireEveryMatch(modules: [LinearModule], placed: [LinearModule]) throws(AdapterError) {
        if case .names(let names) = targets {
            for name in names where !placed.contains(where: { Self.isMeant($0, by: name) }) {
                let elsewhere = modules.filter { Self.isMeant($0, by: name) }
                guard elsewhere.isEmpty else {
                    throw AdapterError(
                        code: .noMatch,
                        message: "adapter.target_modules: '\(name)' matches \(elsewhere[0].name) and"
                            + " \(elsewhere.count - 1) more, but none that layers_to_transform, exclude_modules and"
                            + " modules_to_save leave; remove the name or change those",
                        context: name)
                }
                throw AdapterError(
                    code: .noMatch,
                    message:
                        "adapter.target_modules: '\(name)' matches no linear module of the base; nearest:"
                        + " \(ModuleNames(modules).nearest(to: name).joined(separator: ", "))."
                        + " The base has \(ModuleNames(modules).kinds)",
                    context: name)
            }
        }
        for layer in layers ?? [] {
            if placed.contains(where: { layerIndex(of: $0) == layer }) { continue }
            let known = modules.compactMap(layerIndex)
            let range = known.min().flatMap { least in known.max().map { "\(least) to \($0)" } } ?? "none"
            throw AdapterError(
                code: .noMatch,
                message:
                    "adapter.layers_to_transform: layer \(layer) has no module that target_modules matches;"
                    + " the base has layers \(range)",
                context: "layers_to_transform")
        }
    }

    private func isInChosenLayer(_ module: LinearModule) -> Bool {
        guard let layers else { return true }
        guard let index = layerIndex(of: module) else { return false }
        return layers.contains(index)
    }

    private func layerIndex(of module: LinearModule) -> Int? {
        for pattern in layerPatterns {
            if let digits = pattern.capture(named: "idx", fromStartOf: module.name) { return Int(digits) }
        }
        return nil
    }

    private static func isMeant(_ module: LinearModule, by name: String) -> Bool {
        module.name == name || module.name.hasSuffix("." + name)
    }

    private static func matches(
        _ module: LinearModule, _ targets: LoRAConfiguration.Targets, _ pattern: RegularExpression?
    ) -> Bool {
        switch targets {
        case .allLinear: return true
        case .pattern: return pattern?.matchesWhole(module.name) ?? false
        case .names(let names): return names.contains { isMeant(module, by: $0) }
        }
    }

    private static func expression(
        _ targets: LoRAConfiguration.Targets, key: String
    ) throws(AdapterError) -> RegularExpression? {
        guard case .pattern(let pattern) = targets else { return nil }
        return try RegularExpression(pattern, origin: key)
    }
}

/// Finds the value that `rank_pattern` or `alpha_pattern` gives a module.
///
/// - Source: PEFT 0.21.2 `utils.other.get_pattern_key`: the first pattern P for which `(.*\.)?(P)$` matches.
struct OverrideMatcher<Value: Sendable & Equatable> {
    private let entries: [(pattern: String, expression: RegularExpression, value: Value)]
    private let key: String

    init(_ overrides: [LoRAConfiguration.Override<Value>], key: String) throws(AdapterError) {
        var entries: [(String, RegularExpression, Value)] = []
        for override in overrides {
            let expression = try RegularExpression(
                "(.*\\.)?(\(override.pattern))", origin: "adapter.\(key)")
            entries.append((override.pattern, expression, override.value))
        }
        self.entries = entries
        self.key = key
    }

    func value(for name: String) -> Value? {
        for entry in entries where entry.expression.matchesWhole(name) { return entry.value }
        return nil
    }

    /// Throws when a pattern matches no adapted module.
    func requireEveryMatch(_ modules: [LinearModule]) throws(AdapterError) {
        for entry in entries {
            if modules.contains(where: { entry.expression.matchesWhole($0.name) }) { continue }
            throw AdapterError(
                code: .noMatch,
                message: "adapter.\(key): '\(entry.pattern)' matches no adapted module; nearest:"
                    + " \(ModuleNames(modules).nearest(to: entry.pattern).joined(separator: ", "))",
                context: entry.pattern)
        }
    }
}
