public import Foundation
public import Tensors

/// How llama.cpp names the linear maps of a model and orders their rows, given its config.json.
///
/// Source: llama.cpp's convert_hf_to_gguf.py, gguf's tensor_mapping.py.
public struct GGUFNaming: Sendable {
    private let known: GGUFArchitecture
    private let layerCount: Int
    private let attentionHeads: Int
    private let keyValueHeads: Int
    private let isHeadTied: Bool

    /// `general.architecture`
    public var architecture: String { known.name }

    /// Keys of config.json, by the names of any family.
    private struct Content: Decodable {
        let modelType: String
        let numAttentionHeads: Int?
        let nHead: Int?
        let numHiddenLayers: Int?
        let nLayer: Int?
        let numKeyValueHeads: Int?
        let tieWordEmbeddings: Bool?
    }

    /// - Parameters:
    ///   - configuration: config.json, or its equivalent for a GGUF file.
    ///   - base: the base's name, for errors.
    /// - Throws: ``BaseError`` with code `.unsupported` for a model type that llama.cpp knows by other names.
    public init(configuration: Data, base: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let content: Content
        do {
            content = try decoder.decode(Content.self, from: configuration)
        } catch {
            throw BaseError(.invalid, base, "its configuration cannot be read: \(error)")
        }
        guard let known = GGUFArchitecture.all.first(where: { $0.modelTypes.contains(content.modelType) })
        else {
            throw BaseError(
                .unsupported, base,
                "models of type '\(content.modelType)' are not written as GGUF; "
                    + GGUFArchitecture.all.flatMap(\.modelTypes).sorted().joined(separator: ", ") + " are")
        }
        guard let layers = content.numHiddenLayers ?? content.nLayer,
            let heads = content.numAttentionHeads ?? content.nHead
        else { throw BaseError(.invalid, base, "its configuration lacks heads or layers") }
        self.known = known
        layerCount = layers
        attentionHeads = heads
        keyValueHeads = content.numKeyValueHeads ?? heads
        isHeadTied = content.tieWordEmbeddings ?? (known.name == "gpt2")
    }

    /// "model.layers.3.self_attn.q_proj" → "blk.3.attn_q.weight"; nil for a module without a tensor of its own in the
    /// file, as an output head tied to the embedding.
    public func weightName(ofModule module: String) -> String? {
        if module == known.outer["output"], isHeadTied { return nil }
        return known.name(ofModule: module, layers: layerCount).map { $0 + ".weight" }
    }

    /// `rows` [out, columns] of a module's result in llama.cpp's order: Llama's queries and keys lie in pairs.
    ///
    /// - Shapes: the result is [out, columns] too.
    public func ordered(_ rows: Matrix, module: String) -> Matrix {
        let heads =
            !known.hasInterleavedHeads
            ? nil
            : module.hasSuffix(".q_proj") ? attentionHeads : module.hasSuffix(".k_proj") ? keyValueHeads : nil
        guard let heads, heads > 0, rows.rows % (2 * heads) == 0 else { return rows }
        let half = rows.rows / heads / 2
        let result = Matrix(rows: rows.rows, columns: rows.columns)
        for head in 0..<heads {
            for part in 0..<2 {
                for index in 0..<half {
                    result.row((head * half + index) * 2 + part).copy(
                        from: rows.row((head * 2 + part) * half + index))
                }
            }
        }
        return result
    }
}
