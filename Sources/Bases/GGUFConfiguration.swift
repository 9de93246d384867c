import Foundation
import WeightFiles

/// The shape of a GGUF's model, and its config.json as Hugging Face would write it.
struct GGUFConfiguration {
    let layerCount: Int
    let attentionHeads: Int
    let keyValueHeads: Int
    let headDimension: Int
    /// Whether the head is the embedding's matrix; an `output.weight` is the same once more then.
    let isHeadTied: Bool
    /// The config.json, with sorted keys.
    let json: Data

    static func encode(_ content: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return try encoder.encode(content)
    }
}
