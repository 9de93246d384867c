public import FoundationEssentials

/// The shape of a Qwen3 (`qwen3`): a Llama whose heads' queries and keys are normalised before they are rotated.
///
/// - Source: `Qwen3Config` and `Qwen3ForCausalLM` of Hugging Face transformers 5.23.
public struct Qwen3Configuration: DecoderConfiguration, Equatable {
    /// What it has in common with Llama.
    public var llama: LlamaConfiguration

    public var modelType: String { llama.modelType }
    public var vocabularySize: Int { llama.vocabularySize }
    public var contextLength: Int { llama.contextLength }
    public var endOfSequenceIDs: [Int32] { llama.endOfSequenceIDs }

    /// Reads a config.json.
    ///
    /// - Throws: as ``LlamaConfiguration/init(json:)``.
    public init(json: Data) throws { llama = try LlamaConfiguration(json: json) }

    public var design: DecoderDesign {
        var design = llama.design
        design.headNorms = DecoderDesign.HeadNorms(
            query: "self_attn.q_norm", key: "self_attn.k_norm", epsilon: llama.normEpsilon)
        return design
    }
}
