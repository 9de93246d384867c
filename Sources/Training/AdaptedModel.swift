public import Adapters
import Bases
public import Configurations
import Foundation
public import Layers
public import Logging
public import Tensors
public import Transformers

/// A base with a LoRA adapter attached: the model, which tensors are trained, and where they lie.
public struct AdaptedModel: Trainee {
    /// The adapter in PEFT's terms, `all-linear` spelled out.
    public let adapter: LoRAConfiguration
    public let placement: AdapterPlacement
    public let model: any TransformerModel
    /// Names of the embeddings.
    private let tables: Set<String>
    public var parts: TrainedParts { placement.parts }
    public var adapterConfiguration: String { adapter.json }
    public var frozenElements: [Range<Int>] { placement.frozenElements(of: layout) }
    public var targets: [Preflight.Target] {
        placement.modules.map { placed in
            let (module, loraRank) = (placed.module, placed.settings.loraRank)
            let trainedRank = loraRank - placed.settings.frozenRank
            return Preflight.Target(
                name: module.name.split(separator: ".").last.map(String.init) ?? module.name,
                shape: module.weightShape, loraRank: trainedRank,
                parameterCount: loraRank * (module.inputCount + module.outputCount)
                    + (placed.settings.usesDoRA ? module.outputCount : 0),
                operationCount: placed.settings.operationCount(for: module))
        }
            + copies.map {
                .init(wholeTensor: $0.name, shape: $0.entry.shape, isTable: tables.contains($0.name))
            }
    }

    /// The tensors of the base that are trained whole: name in the base, and place in the parameters.
    private var copies: [(name: String, entry: ParameterLayout.Entry)] {
        let names = Dictionary(
            placement.copies.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
        return layout.entries.compactMap { entry in names[entry.name].map { ($0, entry) } }
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
        let adapter = adapter.adapting(configuration)
        let modules = configuration.adaptableModules
        tables = Set(
            configuration.weightShapes.filter { [.embedding, .tiedEmbedding].contains($0.part) }.map(\.name))
        placement = try AdapterPlacement(
            adapter, modules: modules, tensors: configuration.copyableTensors,
            requiresEveryMatch: requiresEveryMatch)
        self.adapter = placement.spelledOut(adapter, modules: modules)
        model = try configuration.makeModel(weights: weights, trained: placement.parts)
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
    /// - Throws: `AdapterError` with code `.differentBase`, `.differentTensors`, `.missingFile`, or `.noMatch` for one of
    ///   another family.
    public static func open(
        _ path: String, on base: LoadedBase, allowsDifferentBase: Bool
    ) throws -> (model: AdaptedModel, parameters: Vector) {
        let base = try base.configured(forAdapterAt: path)
        let directory = try PEFTDirectory(path: path)
        try directory.requirePlainBase()
        _ = try directory.provenance.check(
            against: base.base.digest, adapter: path, allowsDifferentBase: allowsDifferentBase)
        let adapted: AdaptedModel
        do {
            adapted = try AdaptedModel(
                adapter: directory.configuration, configuration: base.configuration, weights: base.base,
                requiresEveryMatch: false)
        } catch let error as AdapterError where error.code == .noMatch {
            throw AdapterError(
                code: .noMatch,
                message:
                    "\(path): this adapter is not one for a \(base.configuration.modelType): \(error.message)",
                context: error.context)
        }
        let modules = adapted.placement.vocabularyModules
        let parameters = try directory.parameters(for: adapted.layout, vocabularyModules: modules)
        try directory.requireSameMatrices(modules, values: base.weight)
        return (adapted, parameters)
    }

    /// The values of `adapter.init_from`, else fresh ones from the seed and, of tensors trained whole, the base's.
    ///
    /// - Throws: `AdapterError` when the directory's adapter does not fit this one, or records another base.
    public func initialParameters(
        _ configuration: RunConfiguration, base: LoadedBase, allowsDifferentBase: Bool, logger: Logger
    ) throws -> (parameters: Vector, provenance: AdapterProvenance) {
        var provenance = AdapterProvenance(baseDigest: base.base.digest)
        provenance.labels = base.configuration.task.labels ?? []
        guard let directory = configuration.adapter.initFrom else {
            let parameters = try LoRAInitialization.parameters(
                placement, configuration: adapter, layout: layout, seed: configuration.training.seed)
            if case .pissa(let iterations) = adapter.initialWeights {
                logger.info(
                    "computing the singular terms of \(placement.modules.count) weights for adapter.init_lora_weights"
                )
                try PiSSA.initialize(
                    placement, layout: layout, parameters: parameters, iterations: iterations,
                    seed: configuration.training.seed
                ) { module in
                    let shape = module.weightShape
                    let weight = try base.weight(of: module).matrix(rows: shape[0], columns: shape[1])
                    guard module.isTransposed else { return weight }
                    let result = Matrix(rows: module.outputCount, columns: module.inputCount)
                    for row in 0..<result.rows {
                        for column in 0..<result.columns {
                            result.row(row)[column] = weight.row(column)[row]
                        }
                    }
                    return result
                }
            }
            try LoRAInitialization.setMagnitudes(placement, layout: layout, parameters: parameters) {
                module in
                let shape = module.weightShape
                return try base.weight(of: module).matrix(rows: shape[0], columns: shape[1])
            }
            for (name, entry) in copies {
                parameters[entry.range].copy(
                    from: try base.initialValues(
                        of: name, shape: entry.shape, seed: configuration.training.seed))
            }
            try base.base.checkIntact()
            return (parameters, provenance)
        }
        let source = try PEFTDirectory(path: directory)
        try source.requirePlainBase()
        guard !adapter.isPiSSA else {
            throw AdapterError(
                code: .invalidConfiguration,
                message:
                    "adapter.init_lora_weights: pissa says how a new adapter begins, adapter.init_from goes on from "
                    + "one; take one of the two (an adapter begun with pissa is plain LoRA of twice the r: init_lora_weights: "
                    + "true, and r, lora_alpha of its \(LoRAConfiguration.fileName))",
                context: "init_lora_weights")
        }
        if case .acceptedDifference(let recorded) = try source.provenance.check(
            against: base.base.digest, adapter: directory, allowsDifferentBase: allowsDifferentBase)
        {
            provenance.acceptedBaseDigest = recorded
        }
        let parameters = try source.initialParameters(
            for: placement, layout: layout, modules: base.configuration.adaptableModules)
        try source.requireSameMatrices(placement.vocabularyModules, values: base.weight)
        return (parameters, provenance)
    }

    public func writeTrained(
        _ parameters: Vector, provenance: AdapterProvenance, to directory: String
    ) throws {
        try PEFTDirectory.write(
            configuration: adapter.written(embeddings: placement.embeddings.map(\.name)), layout: layout,
            parameters: parameters, provenance: provenance, to: directory)
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
    public static func bare(_ base: LoadedBase) throws -> any TransformerModel {
        try base.configuration.makeModel(weights: base.base, trained: .none)
    }
}

extension LoRAConfiguration {
    /// The configuration with what PEFT is told of the model's head: its task, and that it is saved whole.
    func adapting(_ configuration: any ModelConfiguration) -> LoRAConfiguration {
        var result = self
        switch configuration.task {
        case .causalLanguageModel: break
        // PEFT knows no such task.
        case .maskedLanguageModel: result.taskType = nil
        case .sequenceClassification:
            result.taskType = Self.classificationTaskType
            result.modulesToSave += configuration.headModules.filter { !result.modulesToSave.contains($0) }
        }
        return result
    }
}
