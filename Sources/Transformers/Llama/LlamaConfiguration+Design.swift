import Kernels

extension LlamaConfiguration {
    /// - Source: `LlamaForCausalLM`, `MistralForCausalLM` and `Qwen2ForCausalLM` of Hugging Face transformers 5.23.
    public var design: DecoderDesign {
        typealias Map = DecoderDesign.Map
        let queryColumns = attentionShape.queryColumns
        let keyValueColumns = attentionShape.keyValueColumns
        return DecoderDesign(
            hiddenSize: hiddenSize, vocabularySize: vocabularySize, layerCount: layerCount,
            attentionShape: attentionShape, embedding: "model.embed_tokens",
            positions: .rotary(
                RotaryTable(headDimension: headDimension, theta: ropeTheta, scaling: ropeScaling)),
            blocks: "model.layers", norm: .rms(epsilon: normEpsilon), inputNorm: "input_layernorm",
            attentionNorm: "post_attention_layernorm",
            inputs: .separate(
                query: Map("self_attn.q_proj", hiddenSize, queryColumns, hasBias: hasQueryKeyValueBias),
                key: Map("self_attn.k_proj", hiddenSize, keyValueColumns, hasBias: hasQueryKeyValueBias),
                value: Map("self_attn.v_proj", hiddenSize, keyValueColumns, hasBias: hasQueryKeyValueBias)),
            output: Map("self_attn.o_proj", queryColumns, hiddenSize),
            feedForward: .gatedSiLU(
                gate: Map("mlp.gate_proj", hiddenSize, intermediateSize),
                up: Map("mlp.up_proj", hiddenSize, intermediateSize),
                down: Map("mlp.down_proj", intermediateSize, hiddenSize)),
            finalNorm: "model.norm", head: "lm_head", isHeadTied: tieWordEmbeddings)
    }
}
