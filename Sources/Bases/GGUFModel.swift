import Foundation
import WeightFiles

/// A GGUF file read as a Hugging Face model: names, configuration and the order of rows.
///
/// Source: llama.cpp's convert_hf_to_gguf.py and gguf's tensor_mapping.py, read backwards.
struct GGUFModel {
    /// The values of `general.architecture` that are read. Mistral files say llama.
    static let architectures = ["llama", "qwen2"]

    let file: GGUFFile
    let architecture: String
    let tensors: [SourceTensor]
    /// An equivalent config.json.
    let configuration: Data

    init(file: GGUFFile) throws {
        self.file = file
        guard let architecture = file.architecture else {
            throw BaseError(.invalid, file.path, "no general.architecture; is it a language model's GGUF?")
        }
        guard GGUFModel.architectures.contains(architecture) else {
            throw BaseError(
                .unsupported, file.path,
                "architecture '\(architecture)' is not supported; this version reads "
                    + GGUFModel.architectures.joined(separator: ", "))
        }
        self.architecture = architecture
        let configuration = try GGUFConfiguration(file: file, architecture: architecture)
        self.configuration = try configuration.json()
        tensors = try GGUFModel.tensors(of: file, configuration: configuration)
    }

    private static func tensors(
        of file: GGUFFile, configuration: GGUFConfiguration
    ) throws -> [SourceTensor] {
        var tensors: [SourceTensor] = []
        for tensor in file.tensors {
            if tensor.name == RotaryFactors.tensorName { continue }  // in the configuration by now
            guard let name = huggingFaceName(of: tensor.name, layers: configuration.layerCount) else {
                throw BaseError(
                    .unsupported, file.path,
                    "tensor '\(tensor.name)' has no place in a model of architecture"
                        + " '\(configuration.architecture)' with \(configuration.layerCount) layers;"
                        + " is it a variant this version does not know?")
            }
            let heads = configuration.interleavedHeads(of: tensor.name)
            if let heads, (tensor.shape.first ?? 0) != heads * configuration.headDimension {
                throw BaseError(
                    .invalid, file.path,
                    "tensor '\(tensor.name)' has shape \(tensor.shapeText), expected"
                        + " \(heads) heads of \(configuration.headDimension) rows; fetch the file again")
            }
            tensors.append(SourceTensor(name: name, file: file, stored: tensor, interleavedHeads: heads))
        }
        try requireAll(tensors, file: file, configuration: configuration)
        return tensors.sorted { $0.name < $1.name }
    }

    private static func requireAll(
        _ tensors: [SourceTensor], file: GGUFFile, configuration: GGUFConfiguration
    ) throws {
        let present = Set(tensors.map(\.stored.name))
        var required = ["token_embd.weight", "output_norm.weight"]
        for layer in 0..<configuration.layerCount {
            for part in partNames.keys.sorted() { required.append("blk.\(layer).\(part).weight") }
            if configuration.architecture == "qwen2" {
                for part in ["attn_q", "attn_k", "attn_v"] { required.append("blk.\(layer).\(part).bias") }
            }
        }
        for name in required where !present.contains(name) {
            throw WeightFileError(
                code: .missingTensor,
                message: "\(file.path): tensor '\(name)': missing from a model of \(configuration.layerCount)"
                    + " layers; fetch the file again", path: file.path, tensor: name)
        }
    }

    static let partNames: [String: String] = [
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    ]

    /// "blk.3.attn_q.weight" → "model.layers.3.self_attn.q_proj.weight"; nil for a name without counterpart.
    static func huggingFaceName(of name: String, layers: Int) -> String? {
        switch name {
        case "token_embd.weight": return "model.embed_tokens.weight"
        case "output_norm.weight": return "model.norm.weight"
        case "output.weight": return "lm_head.weight"
        default: break
        }
        let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 4, words[0] == "blk", let layer = Int(words[1]), String(layer) == words[1],
            (0..<layers).contains(layer), let part = partNames[words[2]],
            words[3] == "weight" || words[3] == "bias"
        else { return nil }
        return "model.layers.\(layer).\(part).\(words[3])"
    }
}
