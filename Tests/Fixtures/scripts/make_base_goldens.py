"""Golden files for Sources/Bases: tiny GGUF models as llama.cpp writes them, and what transformers reads from them.

Versions: gguf 0.19.0, transformers 5.23.0, torch 2.13.0, safetensors 0.8.0, numpy 2.4.6 (Python 3.11).
Run:      python Tests/Fixtures/scripts/make_base_goldens.py
Writes:   Tests/Fixtures/bases/{llama,qwen2}.gguf and {llama,qwen2}.safetensors
With the path of a GGUF file it writes nothing and prints the digest of what transformers reads from that file.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter
from gguf.quants import quantize
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

FOLDER = Path(__file__).resolve().parent.parent / "bases"
HIDDEN, HEADS, KEY_VALUE_HEADS, DIMENSION, INNER, VOCABULARY = 32, 4, 2, 8, 64, 40


def permute(weights: np.ndarray, heads: int) -> np.ndarray:
    """LlamaModel.permute of llama.cpp's convert_hf_to_gguf.py."""
    return (
        weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
        .swapaxes(1, 2)
        .reshape(weights.shape)
    )


def llama3_factors(theta: float) -> np.ndarray:
    """LlamaModel.generate_extra_tensors of llama.cpp's convert_hf_to_gguf.py."""
    factor, low, high, original = 8.0, 1.0, 4.0, 8192
    factors = []
    for frequency in 1.0 / (theta ** (torch.arange(0, DIMENSION, 2, dtype=torch.float32) / DIMENSION)):
        wavelength = 2 * torch.pi / frequency
        if wavelength < original / high:
            factors.append(1)
        elif wavelength > original / low:
            factors.append(factor)
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype=np.float32)


def write(architecture: str, random: np.random.Generator) -> Path:
    path = FOLDER / f"{architecture}.gguf"
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(65536)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if architecture == "qwen2" else "llama-bpe")
    writer.add_token_list([f"<{index}>" for index in range(VOCABULARY)])
    writer.add_token_types([3] + [1] * (VOCABULARY - 1))
    writer.add_token_merges(["< 1", "<1 >"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_chat_template("{{ messages }}")

    def tensor(name: str, shape: tuple[int, ...], kind: Kind, heads: int | None = None) -> None:
        values = random.standard_normal(shape, dtype=np.float32)
        if heads is not None:
            values = permute(values, heads)
        writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)

    is_llama = architecture == "llama"
    tensor("token_embd.weight", (VOCABULARY, HIDDEN), Kind.Q8_0)
    tensor("output_norm.weight", (HIDDEN,), Kind.F32)
    if is_llama:
        writer.add_rope_dimension_count(DIMENSION)
        writer.add_vocab_size(VOCABULARY)
        tensor("output.weight", (VOCABULARY, HIDDEN), Kind.F16)
        writer.add_tensor("rope_freqs.weight", llama3_factors(500000.0))
    tensor("blk.0.attn_norm.weight", (HIDDEN,), Kind.F32)
    tensor("blk.0.attn_q.weight", (HEADS * DIMENSION, HIDDEN), Kind.Q4_1, HEADS if is_llama else None)
    tensor("blk.0.attn_k.weight", (KEY_VALUE_HEADS * DIMENSION, HIDDEN), Kind.F16,
           KEY_VALUE_HEADS if is_llama else None)
    tensor("blk.0.attn_v.weight", (KEY_VALUE_HEADS * DIMENSION, HIDDEN), Kind.Q5_0)
    tensor("blk.0.attn_output.weight", (HIDDEN, HEADS * DIMENSION), Kind.BF16)
    if not is_llama:
        for part, heads in (("q", HEADS), ("k", KEY_VALUE_HEADS), ("v", KEY_VALUE_HEADS)):
            tensor(f"blk.0.attn_{part}.bias", (heads * DIMENSION,), Kind.F32)
    tensor("blk.0.ffn_norm.weight", (HIDDEN,), Kind.F32)
    tensor("blk.0.ffn_gate.weight", (INNER, HIDDEN), Kind.Q4_0)
    tensor("blk.0.ffn_up.weight", (INNER, HIDDEN), Kind.Q5_1)
    tensor("blk.0.ffn_down.weight", (HIDDEN, INNER), Kind.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def read(path: Path) -> dict[str, torch.Tensor]:
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        del state["lm_head.weight"]
    return state


def digest(path: Path) -> str:
    lines = hashlib.sha256()
    for name, value in sorted(read(path).items()):
        lines.update(f"{name} {hashlib.sha256(value.numpy().tobytes()).hexdigest()}\n".encode())
    return lines.hexdigest()


def main() -> None:
    if len(sys.argv) > 1:
        print(digest(Path(sys.argv[1])))
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    for architecture in ("llama", "qwen2"):
        path = write(architecture, random)
        save_file(read(path), FOLDER / f"{architecture}.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
