import Foundation
import WeightFiles

/// A GGUF file read as a Hugging Face model: names, configuration and the order of rows.
///
/// Source: llama.cpp's convert_hf_to_gguf.py and gguf's tensor_mapping.py, read backwards.
struct GGUFModel {
    let file: GGUFFile
    let tensors: [SourceTensor]
    /// An equivalent config.json.
    let configuration: Data

    init(file: GGUFFile) throws {
        self.file = file
        guard let name = file.architecture else {
            throw BaseError(.invalid, file.path, "no general.architecture; is it a language model's GGUF?")
        }
        guard let architecture = GGUFArchitecture.named(name) else {
            throw BaseError(
                .unsupported, file.path,
                "architecture '\(name)' is not supported; this version reads "
                    + GGUFArchitecture.all.map(\.name).joined(separator: ", "))
        }
        let configuration = try architecture.configuration(file, architecture)
        self.configuration = configuration.json
        tensors = try GGUFModel.tensors(of: file, architecture: architecture, configuration: configuration)
    }

    private static func tensors(
        of file: GGUFFile, architecture: GGUFArchitecture, configuration: GGUFConfiguration
    ) throws -> [SourceTensor] {
        var tensors: [SourceTensor] = []
        for tensor in file.tensors {
            if tensor.name == RotaryFactors.tensorName { continue }  // in the configuration by now
            if tensor.name == "output.weight", configuration.isHeadTied { continue }
            guard
                let name = architecture.huggingFaceName(
                    of: tensor.name, layers: configuration.layerCount)
            else {
                throw BaseError(
                    .unsupported, file.path,
                    "tensor '\(tensor.name)' has no place in a model of architecture"
                        + " '\(architecture.name)' with \(configuration.layerCount) layers;"
                        + " is it a variant this version does not know?")
            }
            let order = architecture.order(of: tensor.name, configuration: configuration)
            switch order {
            case .interleaved(let heads)
            where (tensor.shape.first ?? 0) != heads * configuration.headDimension:
                throw BaseError(
                    .invalid, file.path,
                    "tensor '\(tensor.name)' has shape \(tensor.shapeText), expected"
                        + " \(heads) heads of \(configuration.headDimension) rows; fetch the file again")
            case .transposed where tensor.shape.count != 2:
                throw BaseError(
                    .invalid, file.path,
                    "tensor '\(tensor.name)' has shape \(tensor.shapeText), expected rows and columns;"
                        + " fetch the file again")
            default: break
            }
            tensors.append(SourceTensor(name: name, file: file, stored: tensor, order: order))
        }
        let present = Set(tensors.map(\.stored.name))
        for name in architecture.requiredNames(layers: configuration.layerCount)
        where !present.contains(name) {
            throw WeightFileError(
                code: .missingTensor,
                message: "\(file.path): tensor '\(name)': missing from a model of \(configuration.layerCount)"
                    + " layers; fetch the file again", path: file.path, tensor: name)
        }
        return tensors.sorted { $0.name < $1.name }
    }
}
