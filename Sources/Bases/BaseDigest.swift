import DurableFiles
import Foundation
import Tensors
import WeightFiles

/// The digest of a base: what it computes, wherever and however its files lie.
///
/// SHA-256 of the architecture's keys of config.json and, for each tensor sorted by name, its name, shape and the
/// SHA-256 of its Float32 values. So a GGUF, its expansion and a Float32 copy have one digest, and a changed
/// weight, an other rotary base or a missing layer gives another.
enum BaseDigest {
    /// Keys of config.json that change what the model computes.
    private static let keys = [
        "activation_function", "attention_bias", "head_dim", "hidden_act", "hidden_size",
        "intermediate_size", "layer_norm_eps", "layer_norm_epsilon", "layer_types", "mlp_bias", "model_type",
        "n_embd",
        "n_head", "n_inner", "n_layer", "num_attention_heads", "num_hidden_layers", "num_key_value_heads",
        "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta", "sliding_window",
        "tie_word_embeddings", "use_sliding_window", "vocab_size",
    ]

    /// Those that do so in one family alone, by `model_type`.
    private static let familyKeys = [
        "distilbert": ["activation", "dim", "hidden_dim", "n_heads", "n_layers"],
        "roberta": ["pad_token_id"],
    ]

    /// What a family's config.json means where it lacks a key; saying it changes nothing.
    private static let defaults: [String: [String: JSONValue]] = [
        "gpt2": [
            "activation_function": .string("gelu_new"), "layer_norm_epsilon": .number(1e-5),
            "tie_word_embeddings": .boolean(true),
        ],
        "roberta": ["pad_token_id": .number(1)],
    ]

    /// One tensor's share: its name, shape and the digest of its values.
    struct TensorLine {
        let name: String
        let shape: [Int]
        let digest: Digest
    }

    static func weights(_ lines: [TensorLine]) -> Digest {
        var stream = DigestStream()
        stream.update("shoal weights 1\n")
        for line in lines.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            let shape = line.shape.map(String.init).joined(separator: "x")
            stream.update("\(line.name.utf8.count):\(line.name) \(shape) \(line.digest.hex)\n")
        }
        return stream.finish()
    }

    /// The digest of the tensors' values, read from their source.
    static func weights(of tensors: [SourceTensor]) throws -> Digest {
        weights(
            try tensors.map { tensor in
                var stream = DigestStream()
                if tensor.isMappable {
                    tensor.file.file.withBytes(tensor.stored.byteRange) { stream.update($0) }
                } else {
                    try tensor.forEachPiece { piece in piece.withByteSpan { stream.update($0) } }
                }
                return TensorLine(name: tensor.name, shape: tensor.shape, digest: stream.finish())
            })
    }

    static func base(configuration: Data, weights: Digest, path: String) throws -> Digest {
        let object: [String: JSONValue]
        do {
            object = try JSONDecoder().decode([String: JSONValue].self, from: configuration)
        } catch {
            throw BaseError(.invalid, path, "config.json is no JSON object; fetch it again")
        }
        var stream = DigestStream()
        stream.update("shoal base 1\n")
        var (keys, defaults) = (self.keys, [String: JSONValue]())
        if case .string(let modelType) = object["model_type"] {
            keys += familyKeys[modelType] ?? []
            defaults = self.defaults[modelType] ?? [:]
        }
        for key in keys {
            guard let value = object[key], value != .null,
                value.canonicalText != defaults[key]?.canonicalText
            else { continue }
            stream.update("\(key)=\(value.canonicalText)\n")
        }
        stream.update(weights)
        return stream.finish()
    }
}

/// JSON with numbers as Float32 where they are not whole, so that 1e-05 and 9.999999747378752e-06 are one.
enum JSONValue: Decodable, Equatable, Sendable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// One text for equal values.
    var canonicalText: String {
        switch self {
        case .null: return "null"
        case .boolean(let value): return value ? "true" : "false"
        case .number(let value):
            if let whole = Int(exactly: value) { return String(whole) }
            return String(Float(value))
        case .string(let value): return value.debugDescription
        case .array(let values): return "[" + values.map(\.canonicalText).joined(separator: ",") + "]"
        case .object(let members):
            let texts = members.filter { $0.value != .null }.sorted { $0.key < $1.key }
                .map { "\($0.key.debugDescription):\($0.value.canonicalText)" }
            return "{" + texts.joined(separator: ",") + "}"
        }
    }
}
