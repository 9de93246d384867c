import DurableFiles
import Foundation
public import Layers
public import Tensors
public import WeightFiles

/// A directory with an adapter as Hugging Face PEFT writes and reads it: `adapter_config.json` and
/// `adapter_model.safetensors`.
public struct PEFTDirectory: Sendable {
    /// Name of the file with the tensors.
    public static let weightsFileName = "adapter_model.safetensors"

    /// The name in the file of a tensor that is trained whole.
    public static func name(ofSaved tensor: String) -> String { PEFTNames.prefix + tensor }

    public let path: String
    public let configuration: LoRAConfiguration
    public let provenance: AdapterProvenance
    /// The mapped tensors, under PEFT's names.
    public let weights: SafetensorsFile

    /// Opens a directory and reads everything but the values.
    ///
    /// - Throws: ``AdapterError`` with code `.missingFile`, or those of ``LoRAConfiguration/init(json:file:)``;
    ///   `WeightFileError` for a damaged file.
    public init(path: String) throws {
        self.path = path
        let configurationPath = path + "/" + LoRAConfiguration.fileName
        let weightsPath = path + "/" + Self.weightsFileName
        for file in [configurationPath, weightsPath] where !FileManager.default.fileExists(atPath: file) {
            let isPickled = FileManager.default.fileExists(atPath: path + "/adapter_model.bin")
            throw AdapterError(
                code: .missingFile,
                message: "\(file): missing; "
                    + (isPickled
                        ? "adapter_model.bin is not read, save the adapter with PEFT's safe_serialization"
                        : "is \(path) the directory of a PEFT adapter?"),
                context: file)
        }
        let bytes = try Data(contentsOf: URL(filePath: configurationPath))
        configuration = try LoRAConfiguration(json: Array(bytes), file: configurationPath)
        weights = try SafetensorsFile(path: weightsPath)
        provenance = AdapterProvenance(metadata: weights.metadata)
    }

    /// Refuses an adapter whose A and B belong to a changed base, as PEFT saves one that began with PiSSA.
    ///
    /// - Throws: ``AdapterError`` with code `.unsupported`.
    public func requirePlainBase() throws(AdapterError) {
        guard configuration.isPiSSA else { return }
        throw AdapterError(
            code: .unsupported,
            message:
                "\(path): init_lora_weights is 'pissa', so its base is less the first A and B; save it with PEFT's"
                + " path_initial_model_for_weight_conversion, which makes plain LoRA of it",
            context: "init_lora_weights")
    }

    /// The values of all tensors of `layout`, which must be exactly those in the file.
    ///
    /// - Parameter vocabularyModules: modules whose unchanged matrices may be in the file, too; see
    ///   ``requireSameMatrices(_:values:)``.
    /// - Shapes: the result has `layout.count` elements.
    /// - Throws: ``AdapterError`` with code `.differentTensors` that names the first tensor that is missing, too many,
    ///   of another shape, or not finite.
    public func parameters(
        for layout: ParameterLayout, vocabularyModules: [LinearModule] = []
    ) throws -> Vector {
        let known = Set(layout.entries.map(\.name) + vocabularyModules.map(Self.matrixName))
        let repeated = try repeatedBiases(in: layout)
        let extra = weights.tensors.map(\.name).filter { !known.contains($0) && !repeated.contains($0) }
            .sorted()
        if let first = extra.first {
            throw difference(
                first,
                "is in the file but not in this adapter (\(extra.count) such tensors); do target_modules and"
                    + " layers_to_transform agree?")
        }
        // All shapes before the first value, so that no more memory is taken than the file has values.
        var tensors: [(entry: ParameterLayout.Entry, tensor: TensorDescription)] = []
        for entry in layout.entries {
            guard let tensor = weights.tensor(named: entry.name) else {
                throw difference(
                    entry.name, "is missing; do target_modules, layers_to_transform and the base agree?")
            }
            guard tensor.shape == entry.shape else {
                throw difference(
                    entry.name,
                    "has shape \(tensor.shape), expected \(entry.shape); do r, rank_pattern and the base"
                        + " agree?")
            }
            tensors.append((entry, tensor))
        }
        let result = Vector(zeros: layout.count)
        for (entry, tensor) in tensors {
            try weights.expand(tensor, elements: 0..<tensor.elementCount, into: result[entry.range])
        }
        for entry in layout.entries {
            let values = result[entry.range].toArray()
            if let index = values.firstIndex(where: { !$0.isFinite }) {
                throw difference(
                    entry.name,
                    "holds \(values[index]) at element \(index); the adapter is damaged, train it anew")
            }
        }
        return result
    }

    /// Refuses an adapter that brings the matrix of an adapted embedding or head along when that is not the base's own: PEFT
    /// saves one that was trained or resized in the same way.
    ///
    /// - Parameter values: the base's matrix of a module.
    /// - Throws: ``AdapterError`` with code `.differentTensors`.
    public func requireSameMatrices(
        _ vocabularyModules: [LinearModule], values: (LinearModule) throws -> Vector
    ) throws {
        for module in vocabularyModules {
            let name = Self.matrixName(of: module)
            guard let tensor = weights.tensor(named: name) else { continue }
            let expected = try values(module)
            guard tensor.shape == module.weightShape,
                Vector(try weights.floats(of: tensor)).hasSameBits(as: expected)
            else {
                throw difference(
                    name, "is not the base's matrix; was it resized, or is the adapter of another base?")
            }
        }
    }

    /// The biases that PEFT with `bias: all` writes again for each module that is trained whole: as the trained copy's own,
    /// and the base's, which nothing there uses.
    ///
    /// - Throws: ``AdapterError`` with code `.differentTensors` where the copy has two values.
    private func repeatedBiases(in layout: ParameterLayout) throws -> Set<String> {
        guard configuration.bias == .all, !configuration.modulesToSave.isEmpty else { return [] }
        var names: Set<String> = []
        for entry in layout.entries where entry.name.hasSuffix(".bias") {
            let parts = entry.name.split(separator: ".")
            for end in 1..<parts.count {
                let module = parts[..<end].joined(separator: ".")
                let rest = parts[end...].joined(separator: ".")
                names.insert("\(module).original_module.\(rest)")
                let again = "\(module).modules_to_save.\(rest)"
                names.insert(again)
                guard let tensor = weights.tensor(named: again),
                    let own = weights.tensor(named: entry.name)
                else { continue }
                guard
                    Vector(try weights.floats(of: tensor)).hasSameBits(
                        as: Vector(try weights.floats(of: own)))
                else { throw difference(again, "is not \(entry.name); was the file changed?") }
            }
        }
        return names
    }

    private static func matrixName(of module: LinearModule) -> String {
        PEFTNames.prefix + module.name + ".base_layer.weight"
    }

    /// The values to go on training from (`adapter.init_from`), when this adapter means the same as the one at hand.
    ///
    /// - Parameters:
    ///   - placement: what the run's configuration adapts.
    ///   - modules: all modules of the base that can be adapted.
    /// - Throws: ``AdapterError`` with code `.differentTensors` as ``parameters(for:)``, and when a module would be
    ///   scaled by another factor than the one its matrices were trained with.
    public func initialParameters(
        for placement: AdapterPlacement, layout: ParameterLayout, modules: [LinearModule]
    ) throws -> Vector {
        let values = try parameters(for: layout, vocabularyModules: placement.vocabularyModules)
        let own = try AdapterPlacement(configuration, modules: modules, requiresEveryMatch: false)
        let trained = Dictionary(
            own.modules.map { ($0.module.name, $0.settings.loraScaling) },
            uniquingKeysWith: { first, _ in first })
        for placed in placement.modules {
            let name = placed.module.name
            guard let scaling = trained[name], scaling != placed.settings.loraScaling else { continue }
            throw AdapterError(
                code: .differentTensors,
                message: "\(path): \(name) was trained with the scaling \(scaling), this run has"
                    + " \(placed.settings.loraScaling); set lora_alpha, alpha_pattern and use_rslora as in its"
                    + " \(LoRAConfiguration.fileName)",
                context: name)
        }
        return values
    }

    /// Writes both files into the existing directory `path`, each atomically; the same bytes for the same values.
    ///
    /// To publish a whole directory at once, call it inside `AtomicDirectory.publish`.
    /// - Shapes: `parameters` [layout.count].
    public static func write(
        configuration: LoRAConfiguration, layout: ParameterLayout, parameters: Vector,
        provenance: AdapterProvenance, to path: String
    ) throws {
        precondition(
            parameters.count == layout.count, "\(parameters.count) values, the layout has \(layout.count)")
        try AtomicFile.write(configuration.json, to: path + "/" + LoRAConfiguration.fileName)
        let tensors = layout.entries.map { entry in
            SafetensorsWriter.Tensor(name: entry.name, shape: entry.shape, values: parameters[entry.range])
        }
        try SafetensorsWriter.write(tensors, metadata: provenance.metadata, to: path + "/" + weightsFileName)
    }

    private func difference(_ tensor: String, _ problem: String) -> AdapterError {
        AdapterError(
            code: .differentTensors, message: "\(weights.path): \(tensor) \(problem)", context: tensor)
    }
}
