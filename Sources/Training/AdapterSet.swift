import Adapters
public import Logging
import Tensors
import Transformers

/// One base with several adapters, of which one at a time, none, or their weighted sum is in use.
///
/// All are attached when the set is opened, each to the same mapped tensors of the base: choosing another changes no
/// weight and copies nothing.
public struct AdapterSet: Sendable {
    /// What the weighted sum is called.
    public static let sumName = "all"

    public let base: LoadedBase
    /// Names that may be chosen, in the order given; the sum comes last.
    public let names: [String]
    /// The name in use at first: the sum where weights were given, else the only or first adapter; nil for the base.
    public let initialName: String?
    private let models: [String: InferenceModel]
    /// Nil for an encoder, which may have no head of its own.
    private let bare: InferenceModel?

    /// Opens a base and the adapters on it.
    ///
    /// The weighted sum is there where at least one weight was given; an adapter without one counts once.
    /// - Throws: as ``LoadedBase`` and ``AdaptedModel``; ``TrainingError`` with code `.invalidAdapterReference` for a
    ///   name given twice, or weights where an adapter has more than A and B.
    public init(
        base reference: String, adapters: [AdapterReference], allowsDifferentBase: Bool = false,
        logger: Logger
    ) async throws {
        try self.init(
            base: try await LoadedBase(reference: reference, logger: logger), adapters: adapters,
            allowsDifferentBase: allowsDifferentBase)
    }

    /// Opens adapters on an opened base.
    public init(base: LoadedBase, adapters: [AdapterReference], allowsDifferentBase: Bool = false) throws {
        self.base = base
        bare = try base.configuration.isEncoder ? nil : InferenceModel(base: base, adapter: nil)
        var models: [String: InferenceModel] = [:]
        var terms: [(factors: LoRAFactors, weight: Float)] = []
        var unaddable: (name: String, feature: String)?
        for adapter in adapters {
            guard models[adapter.name] == nil else {
                throw TrainingError(
                    .invalidAdapterReference,
                    "two adapters are called '\(adapter.name)'; name them: --adapter a=\(adapter.path)")
            }
            let (adapted, parameters) = try AdaptedModel.open(
                adapter.path, on: base, allowsDifferentBase: allowsDifferentBase)
            models[adapter.name] = InferenceModel(
                base: try base.configured(forAdapterAt: adapter.path), model: adapted.model,
                parameters: parameters)
            let factors = LoRAFactors(adapted.placement, layout: adapted.layout, parameters: parameters)
            terms.append((factors, adapter.weight ?? 1))
            if let feature = adapted.placement.featureBesideLoRA { unaddable = (adapter.name, feature) }
        }
        var names = adapters.map(\.name)
        if adapters.contains(where: { $0.weight != nil }) {
            if let unaddable {
                throw TrainingError(
                    .invalidAdapterReference,
                    "adapter '\(unaddable.name)' was trained with \(unaddable.feature), so it cannot be weighted or added "
                        + "to others; give no weights, and switch between the adapters")
            }
            let sum = LoRAFactors.sum(terms)
            let adapted = try AdaptedModel(
                adapter: sum.configuration, configuration: base.configuration, weights: base.base)
            models[Self.sumName] = InferenceModel(
                base: base, model: adapted.model, parameters: sum.parameters(for: adapted.layout))
            names.append(Self.sumName)
            initialName = Self.sumName
        } else {
            initialName = names.first
        }
        self.names = names
        self.models = models
    }

    /// The model with the adapter called `name`; the base alone for nil.
    ///
    /// - Throws: ``TrainingError`` with code `.invalidAdapterReference` that lists the names; `TransformerError` for an
    ///   encoder without a head.
    public func model(named name: String?) throws -> InferenceModel {
        guard let name else { return try bare ?? InferenceModel(base: base, adapter: nil) }
        guard let model = models[name] else {
            throw TrainingError(
                .invalidAdapterReference,
                "no adapter is called '\(name)'; there are "
                    + (names + ["none"]).joined(separator: ", "))
        }
        return model
    }
}
