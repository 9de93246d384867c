import Layers

/// The tensors of a base that an adapter trains whole, as copies beside the base: those of `modules_to_save`, and the biases
/// that `bias` names.
///
/// - Source: PEFT 0.21.2 `utils.other._set_trainable` and `tuners_utils._get_learnable_bias_state_dict`.
struct TrainedCopies {
    /// By the tensor's name in the base, that of its copy in a PEFT file.
    private(set) var names: [String: String] = [:]

    /// - Parameters:
    ///   - tensors: names of all tensors of the base, and of a tied head's matrix.
    ///   - adapted: names of the modules with an adapter.
    ///   - requiresEveryMatch: whether each name has to match. PEFT itself lists classifier heads that a base may not have.
    /// - Throws: ``AdapterError`` with code `.noMatch` for a name that matches nothing; `.invalidConfiguration` for a
    ///   module that would be trained whole twice, or whole and by an adapter.
    init(
        _ configuration: LoRAConfiguration, tensors: [String], adapted: Set<String>, requiresEveryMatch: Bool
    ) throws(AdapterError) {
        for tensor in tensors {
            let saved = Self.modules(of: tensor).filter { module in
                configuration.modulesToSave.contains { module.hasSuffix($0) }
            }
            guard let first = saved.first else { continue }
            if saved.count > 1 {
                throw Self.conflict(
                    "\(saved[1]) is a part of \(first), which is trained whole; name one of them")
            }
            if let module = Self.modules(of: tensor).first(where: adapted.contains) {
                throw Self.conflict(
                    "\(first) is trained whole and \(module) is adapted; take it from target_modules, or write the"
                        + " module's full name in modules_to_save")
            }
            names[tensor] = PEFTNames.prefix + tensor
        }
        if requiresEveryMatch {
            for name in configuration.modulesToSave
            where !tensors.contains(where: { Self.modules(of: $0).contains { $0.hasSuffix(name) } }) {
                let last = Set(
                    tensors.compactMap { Self.modules(of: $0).last }.map(ModuleNames.lastComponent))
                throw AdapterError(
                    code: .noMatch,
                    message: "adapter.modules_to_save: '\(name)' matches no module of the base; it has"
                        + " \(last.sorted().joined(separator: ", "))",
                    context: name)
            }
        }
        try addBiases(
            configuration, tensors: tensors, adapted: adapted, requiresEveryMatch: requiresEveryMatch)
    }

    private mutating func addBiases(
        _ configuration: LoRAConfiguration, tensors: [String], adapted: Set<String>, requiresEveryMatch: Bool
    ) throws(AdapterError) {
        guard configuration.bias != .none else { return }
        var hasBias = false
        for tensor in tensors where tensor.hasSuffix(".bias") {
            let module = String(tensor.dropLast(".bias".count))
            // A copy's own bias is trained with it.
            guard names[tensor] == nil, configuration.bias == .all || adapted.contains(module) else {
                continue
            }
            hasBias = true
            names[tensor] =
                PEFTNames.prefix + (adapted.contains(module) ? "\(module).base_layer.bias" : tensor)
        }
        if requiresEveryMatch && !hasBias {
            throw AdapterError(
                code: .noMatch,
                message: "adapter.bias: '\(configuration.bias.rawValue)' finds no bias to train"
                    + (configuration.bias == .loraOnly ? " in the adapted modules" : " in this base")
                    + "; write bias: none",
                context: "bias")
        }
    }

    /// The modules that `tensor` is a part of, outermost first.
    private static func modules(of tensor: String) -> [String] {
        var modules: [String] = []
        for part in tensor.split(separator: ".").dropLast() {
            modules.append(modules.last.map { "\($0).\(part)" } ?? String(part))
        }
        return modules
    }

    private static func conflict(_ problem: String) -> AdapterError {
        AdapterError(
            code: .invalidConfiguration, message: "adapter.modules_to_save: \(problem)",
            context: "modules_to_save")
    }
}

/// Names in a PEFT file.
enum PEFTNames {
    /// What stands before a module's path in the base.
    static let prefix = "base_model.model."
}
