"""Holds merged models and exported adapters against transformers, PEFT and llama.cpp; exits 1 on a difference.

Versions: transformers 5.23.0, peft 0.21.2, torch 2.13.0+cpu; llama-cpp-python 0.3.36 (built from source), gguf 0.19.0 and
          numpy 2.4.6 in the same or another environment.
Run:      python check_adapter_use.py merged BASE ADAPTER MERGED [F16 BF16]     directories that shoal merge wrote
          python check_adapter_use.py gguf BASE FILE                            writes BASE, a Llama directory, as F32 GGUF
          python check_adapter_use.py logits BASE ADAPTER FILE                  PEFT's logits of some tokens, as .npy
          python check_adapter_use.py llama.cpp BASE_GGUF ADAPTER_GGUF LOGITS   llama.cpp's beside those
"""

import json
import sys
from pathlib import Path

import numpy as np

IDS = [5, 80, 17, 33, 200, 9, 61, 120]


def permute(weights, heads):
    """LlamaModel.permute of llama.cpp's convert_hf_to_gguf.py."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def largest(one, other):
    return float(np.abs(np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)).max())


def adapted_logits(base, adapter):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter)
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0].numpy()


def check_merged(base, adapter, merged, *rounded):
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, report = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    AutoTokenizer.from_pretrained(merged)
    with torch.no_grad():
        found = model(torch.tensor([IDS])).logits[0].numpy()
    difference = largest(found, adapted_logits(base, adapter))
    print(f"merged and adapter-on logits differ by {difference:.2e}")
    assert difference <= 1e-3
    exact = load_file(Path(merged) / "model.safetensors")
    for folder, kind in zip(rounded, [torch.float16, torch.bfloat16]):
        other = load_file(Path(folder) / "model.safetensors")
        assert set(other) == set(exact)
        for name, values in exact.items():
            assert torch.equal(other[name], values.to(kind)), (folder, name)
        assert json.loads((Path(folder) / "config.json").read_text())["torch_dtype"] == str(kind).split(".")[1]
        AutoModelForCausalLM.from_pretrained(folder)
        print(f"{folder}: {len(exact)} tensors are the Float32 merge rounded once to {kind}")


def write_gguf(base, path):
    from gguf import GGUFWriter
    from safetensors.numpy import load_file

    config = json.loads((Path(base) / "config.json").read_text())
    heads, key_value_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_value_heads)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    tokenizer = json.loads((Path(base) / "tokenizer.json").read_text(encoding="utf-8"))
    names = {id: name for name, id in tokenizer["model"]["vocab"].items()}
    names.update({token["id"]: token["content"] for token in tokenizer["added_tokens"]})
    special = {token["id"] for token in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([names.get(id, f"[unused{id}]") for id in range(config["vocab_size"])])
    writer.add_token_types([3 if id in special else 1 if id in names else 5 for id in range(config["vocab_size"])])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
             "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    for name, values in load_file(Path(base) / "model.safetensors").items():
        values = values.astype(np.float32)
        if name == "model.embed_tokens.weight":
            writer.add_tensor("token_embd.weight", values)
        elif name == "model.norm.weight":
            writer.add_tensor("output_norm.weight", values)
        elif name == "lm_head.weight":
            writer.add_tensor("output.weight", values)
        else:
            _, _, layer, *part, kind = name.split(".")
            part = parts[".".join(part)]
            if part in ("attn_q", "attn_k"):
                values = permute(values, heads if part == "attn_q" else key_value_heads)
            writer.add_tensor(f"blk.{layer}.{part}.{kind}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_llama_cpp(base, adapter, logits):
    import llama_cpp

    expected = np.load(logits)

    def run(**options):
        model = llama_cpp.Llama(base, n_ctx=64, n_threads=1, logits_all=True, verbose=False, type_k=llama_cpp.GGML_TYPE_F32,
                                type_v=llama_cpp.GGML_TYPE_F32, **options)
        model.eval(IDS)
        return np.array(model.scores[: len(IDS)])

    bare, found = run(), run(lora_path=adapter)
    difference = largest(found, expected)
    print(f"llama.cpp with --lora and adapter-on logits differ by {difference:.2e}; the adapter changes them by {largest(found, bare):.2f}")
    assert difference <= 1e-3 and largest(found, bare) > 10 * difference


def main():
    verb, *arguments = sys.argv[1:]
    if verb == "merged":
        check_merged(*arguments)
    elif verb == "gguf":
        write_gguf(*arguments)
    elif verb == "logits":
        np.save(arguments[2], adapted_logits(arguments[0], arguments[1]))
    elif verb == "llama.cpp":
        check_llama_cpp(*arguments)
    else:
        sys.exit(__doc__)


main()
