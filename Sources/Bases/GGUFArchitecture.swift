import WeightFiles

/// How llama.cpp calls the tensors of a family, and in what order it keeps their elements. A family is one of these and
/// a line in ``all``.
///
/// Source: llama.cpp's convert_hf_to_gguf.py and gguf's tensor_mapping.py.
struct GGUFArchitecture: Sendable {
    /// `general.architecture`
    let name: String
    /// The values of `model_type` in config.json that are written so; a file is read as the first.
    let modelTypes: [String]
    /// What Hugging Face calls the blocks, before their number.
    let blocks: String
    /// Modules outside the blocks.
    let outer: [String: String]
    /// Modules of a block.
    let parts: [String: String]
    /// Those of both that have a bias in every file.
    let biased: Set<String>
    /// Whether the rows of queries and keys lie in pairs, for another way to rotate.
    var hasInterleavedHeads = false
    /// Parts whose weight Hugging Face keeps transposed, [in, out].
    var transposed: Set<String> = []
    /// Reads a file's metadata.
    let configuration: @Sendable (GGUFFile, GGUFArchitecture) throws -> GGUFConfiguration

    static let all = [llama, qwen2, qwen3, gpt2]

    /// What is read when nothing of the name is known.
    static func named(_ name: String) -> GGUFArchitecture? { all.first { $0.name == name } }

    private static let llamaOuter = [
        "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    ]
    private static let llamaParts = [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    ]

    /// Mistral files say llama, too.
    static let llama = GGUFArchitecture(
        name: "llama", modelTypes: ["llama", "mistral"], blocks: "model.layers", outer: llamaOuter,
        parts: llamaParts, biased: [], hasInterleavedHeads: true,
        configuration: { try GGUFConfiguration(llama: $0, architecture: $1) })

    static let qwen2 = GGUFArchitecture(
        name: "qwen2", modelTypes: ["qwen2"], blocks: "model.layers", outer: llamaOuter, parts: llamaParts,
        biased: ["attn_q", "attn_k", "attn_v"],
        configuration: { try GGUFConfiguration(llama: $0, architecture: $1) })

    static let qwen3 = GGUFArchitecture(
        name: "qwen3", modelTypes: ["qwen3"], blocks: "model.layers", outer: llamaOuter,
        parts: llamaParts.merging(["attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"]) {
            $1
        },
        biased: [], configuration: { try GGUFConfiguration(llama: $0, architecture: $1) })

    static let gpt2 = GGUFArchitecture(
        name: "gpt2", modelTypes: ["gpt2"], blocks: "transformer.h",
        outer: [
            "token_embd": "transformer.wte", "position_embd": "transformer.wpe",
            "output_norm": "transformer.ln_f", "output": "lm_head",
        ],
        parts: [
            "attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj",
            "ffn_norm": "ln_2", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
        ],
        biased: [
            "output_norm", "attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down",
        ],
        transposed: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"],
        configuration: { file, _ in try GGUFConfiguration(gpt2: file) })
}

extension GGUFArchitecture {
    /// "blk.3.attn_q.weight" → "model.layers.3.self_attn.q_proj.weight"; nil for a name without counterpart.
    func huggingFaceName(of name: String, layers: Int) -> String? {
        let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let kind = words.last, kind == "weight" || kind == "bias" else { return nil }
        if words.count == 2 { return outer[words[0]].map { "\($0).\(kind)" } }
        guard words.count == 4, words[0] == "blk", let layer = Int(words[1]), String(layer) == words[1],
            (0..<layers).contains(layer), let part = parts[words[2]]
        else { return nil }
        return "\(blocks).\(layer).\(part).\(kind)"
    }

    /// "model.layers.3.self_attn.q_proj" → "blk.3.attn_q"; nil for a module without counterpart.
    func name(ofModule module: String, layers: Int) -> String? {
        if let name = outer.first(where: { $0.value == module })?.key { return name }
        guard module.hasPrefix(blocks + ".") else { return nil }
        let words = module.dropFirst(blocks.count + 1).split(separator: ".", maxSplits: 1).map(String.init)
        guard words.count == 2, let layer = Int(words[0]), (0..<layers).contains(layer),
            let part = parts.first(where: { $0.value == words[1] })?.key
        else { return nil }
        return "blk.\(layer).\(part)"
    }

    /// Tensors that no file of so many layers may lack; a head of its own is none.
    func requiredNames(layers: Int) -> [String] {
        func names(_ module: String, _ part: String) -> [String] {
            [module + ".weight"] + (biased.contains(part) ? [module + ".bias"] : [])
        }
        return outer.keys.sorted().filter { $0 != "output" }.flatMap { names($0, $0) }
            + (0..<layers).flatMap { layer in
                parts.keys.sorted().flatMap { names("blk.\(layer).\($0)", $0) }
            }
    }

    /// How the elements of a tensor have to be put in order for Hugging Face.
    func order(of name: String, configuration: GGUFConfiguration) -> SourceTensor.Order {
        let words = name.split(separator: ".").map(String.init)
        guard words.count == 4 else { return .asStored }
        if transposed.contains(words[2]), words[3] == "weight" { return .transposed }
        guard hasInterleavedHeads else { return .asStored }
        switch words[2] {
        case "attn_q": return .interleaved(heads: configuration.attentionHeads)
        case "attn_k": return .interleaved(heads: configuration.keyValueHeads)
        default: return .asStored
        }
    }
}
