public import Adapters
import Bases
public import Configurations
import Foundation
public import Layers
public import Tensors
public import Transformers

/// A base with a LoRA adapter attached: the model, which tensors are trained, and where they lie.
public struct AdaptedModel: Trainee {
    /// The adapter in PEFT's terms, `all-linear` spelled out.
    public let adapter: LoRAConfiguration
    public let placement: AdapterPlacement
    public let model: any GenerativeModel
    public var parts: TrainedParts { TrainedParts(adapters: placement.settingsByName) }
    public var adapterConfiguration: String { adapter.json }
    public var targets: [Preflight.Target] {
        placement.modules.map { placed in
            let (module, loraRank) = (placed.module, placed.settings.loraRank)
            return Preflight.Target(
                name: module.name.split(separator: ".").last.map(String.init) ?? module.name,
                shape: [module.outputCount, module.inputCount], loraRank: loraRank, count: 1,
                parameterCount: loraRank * (module.inputCount + module.outputCount))
        }
    }

    /// Attaches the adapter that a run asks for; every target has to match.
    ///
    /// - Throws: `AdapterError` that names a target without a match; `TransformerError`, `WeightFileError`.
    public init(
        adapter: LoRAConfiguration, configuration: any ModelConfiguration, weights: any WeightSource
    ) throws {
        try self.init(
            adapter: adapter, configuration: configuration, weights: weights, requiresEveryMatch: true)
    }

    private init(
        adapter: LoRAConfiguration, configuration: any ModelConfiguration, weights: any WeightSource,
        requiresEveryMatch: Bool
    ) throws {
        let modules = configuration.linearModules
        placement = try AdapterPlacement(adapter, modules: modules, requiresEveryMatch: requiresEveryMatch)
        self.adapter = placement.spelledOut(adapter, modules: modules)
        model = try configuration.makeModel(
            weights: weights, trained: TrainedParts(adapters: placement.settingsByName))
        try Self.requireMemory(
            forParameterCount: model.trainable.count, physicalMemory: ProcessInfo.processInfo.physicalMemory)
    }

    /// Refuses an adapter whose values alone are more than this machine holds: memory cannot be taken back later with
    /// an error that a person can read.
    ///
    /// - Throws: `AdapterError` with code `.invalidConfiguration`.
    package static func requireMemory(forParameterCount count: Int, physicalMemory: UInt64)
        throws(AdapterError)
    {
        let byteCount = UInt64(count).multipliedReportingOverflow(by: UInt64(MemoryLayout<Float>.stride))
        guard byteCount.overflow || byteCount.partialValue > physicalMemory else { return }
        throw AdapterError(
            code: .invalidConfiguration,
            message:
                "adapter: \(count) trained parameters are 4 bytes each, more than the \(physicalMemory) bytes of"
                + " memory here; lower adapter.r, or name fewer target_modules",
            context: "r")
    }

    /// Opens a PEFT directory on a base and returns the model with the adapter's values.
    ///
    /// - Parameter allowsDifferentBase: `--allow-different-base`.
    /// - Throws: `AdapterError` with code `.differentBase`, `.differentTensors` or `.missingFile`.
    public static func open(
        _ path: String, on base: LoadedBase, allowsDifferentBase: Bool
    ) throws -> (model: AdaptedModel, parameters: Vector) {
        let directory = try PEFTDirectory(path: path)
        _ = try directory.provenance.check(
            against: base.base.digest, adapter: path, allowsDifferentBase: allowsDifferentBase)
        let adapted = try AdaptedModel(
            adapter: directory.configuration, configuration: base.configuration, weights: base.base,
            requiresEveryMatch: false)
        return (adapted, try directory.parameters(for: adapted.layout))
    }

    /// The values of `adapter.init_from`, else fresh ones from the seed.
    ///
    /// - Throws: `AdapterError` when the directory's adapter does not fit this one, or records another base.
    public func initialParameters(
        _ configuration: RunConfiguration, base: LoadedBase, allowsDifferentBase: Bool
    ) throws -> (parameters: Vector, provenance: AdapterProvenance) {
        var provenance = AdapterProvenance(baseDigest: base.base.digest)
        guard let directory = configuration.adapter.initFrom else {
            let parameters = try LoRAInitialization.parameters(
                placement, configuration: adapter, layout: layout, seed: configuration.training.seed)
            return (parameters, provenance)
        }
        let source = try PEFTDirectory(path: directory)
        if case .acceptedDifference(let recorded) = try source.provenance.check(
            against: base.base.digest, adapter: directory, allowsDifferentBase: allowsDifferentBase)
        {
            provenance.acceptedBaseDigest = recorded
        }
        let parameters = try source.initialParameters(
            for: placement, layout: layout, modules: base.configuration.linearModules)
        return (parameters, provenance)
    }

    public func writeTrained(
        _ parameters: Vector, provenance: AdapterProvenance, to directory: String
    ) throws {
        try PEFTDirectory.write(
            configuration: adapter, layout: layout, parameters: parameters, provenance: provenance,
            to: directory)
    }

    /// The adapter alone, as in a checkpoint.
    public func writeResult(
        _ parameters: Vector, base: LoadedBase, provenance: AdapterProvenance, to directory: String
    ) throws {
        try writeTrained(parameters, provenance: provenance, to: directory)
    }
}

extension AdaptedModel {
    /// The base alone, nothing attached: for evaluation and generation without an adapter.
    public static func bare(_ base: LoadedBase) throws -> any GenerativeModel {
        try base.configuration.makeModel(weights: base.base, trained: .none)
    }
}
