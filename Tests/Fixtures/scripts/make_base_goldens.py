"""Golden files for Sources/Bases: tiny GGUF models as llama.cpp writes them, and what transformers reads from them.

Versions: gguf 0.19.0, transformers 5.23.0, torch 2.13.0, safetensors 0.8.0, numpy 2.4.6 (Python 3.11).
Run:      python Tests/Fixtures/scripts/make_base_goldens.py [NAME...]
Writes:   Tests/Fixtures/bases/{llama,qwen2,qwen3,gpt2}.gguf and the same names with .safetensors
With the path of a GGUF file in place of a name it writes nothing and prints the digest of what transformers reads from that file.
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
    # transformers 5.23 takes a Qwen3's head dimension for the default, whatever the file says.
    dimension = 128 if architecture == "qwen3" else DIMENSION
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
    writer.add_tokenizer_pre("llama-bpe" if architecture == "llama" else "qwen2")
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
    if architecture == "qwen3":
        writer.add_key_length(dimension)
        writer.add_value_length(dimension)
        for part in ("q", "k"):
            tensor(f"blk.0.attn_{part}_norm.weight", (dimension,), Kind.F32)
    tensor("token_embd.weight", (VOCABULARY, HIDDEN), Kind.Q8_0)
    tensor("output_norm.weight", (HIDDEN,), Kind.F32)
    if is_llama:
        writer.add_rope_dimension_count(dimension)
        writer.add_vocab_size(VOCABULARY)
        tensor("output.weight", (VOCABULARY, HIDDEN), Kind.F16)
        writer.add_tensor("rope_freqs.weight", llama3_factors(500000.0))
    tensor("blk.0.attn_norm.weight", (HIDDEN,), Kind.F32)
    tensor("blk.0.attn_q.weight", (HEADS * dimension, HIDDEN), Kind.Q4_1, HEADS if is_llama else None)
    tensor("blk.0.attn_k.weight", (KEY_VALUE_HEADS * dimension, HIDDEN), Kind.F16,
           KEY_VALUE_HEADS if is_llama else None)
    tensor("blk.0.attn_v.weight", (KEY_VALUE_HEADS * dimension, HIDDEN), Kind.Q5_0)
    tensor("blk.0.attn_output.weight", (HIDDEN, HEADS * dimension), Kind.BF16)
    if architecture == "qwen2":
        for part, heads in (("q", HEADS), ("k", KEY_VALUE_HEADS), ("v", KEY_VALUE_HEADS)):
            tensor(f"blk.0.attn_{part}.bias", (heads * dimension,), Kind.F32)
    tensor("blk.0.ffn_norm.weight", (HIDDEN,), Kind.F32)
    tensor("blk.0.ffn_gate.weight", (INNER, HIDDEN), Kind.Q4_0)
    tensor("blk.0.ffn_up.weight", (INNER, HIDDEN), Kind.Q5_1)
    tensor("blk.0.ffn_down.weight", (HIDDEN, INNER), Kind.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_gpt2(random: np.random.Generator) -> Path:
    """As GPT2Model of convert_hf_to_gguf.py of some time: weights transposed, and the tied head written once more."""
    path = FOLDER / "gpt2.gguf"
    writer = GGUFWriter(path, "gpt2")
    writer.add_context_length(1024)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(1)
    writer.add_feed_forward_length(4 * HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([f"<{index}>" for index in range(VOCABULARY)])
    writer.add_token_types([3] + [1] * (VOCABULARY - 1))
    writer.add_token_merges(["< 1", "<1 >"])
    writer.add_eos_token_id(2)
    shapes = {
        "token_embd": ((VOCABULARY, HIDDEN), Kind.Q8_0), "position_embd": ((1024, HIDDEN), Kind.Q4_0),
        "output_norm": ((HIDDEN,), Kind.F32), "blk.0.attn_norm": ((HIDDEN,), Kind.F32),
        "blk.0.attn_qkv": ((3 * HIDDEN, HIDDEN), Kind.Q5_1), "blk.0.attn_output": ((HIDDEN, HIDDEN), Kind.F16),
        "blk.0.ffn_norm": ((HIDDEN,), Kind.F32), "blk.0.ffn_up": ((4 * HIDDEN, HIDDEN), Kind.Q8_0),
        "blk.0.ffn_down": ((HIDDEN, 4 * HIDDEN), Kind.F32),
    }
    embedding = random.standard_normal((VOCABULARY, HIDDEN), dtype=np.float32)
    shapes["output"] = shapes["token_embd"]
    for name, (shape, kind) in shapes.items():
        values = embedding if name in ("token_embd", "output") else random.standard_normal(shape, dtype=np.float32)
        writer.add_tensor(name + ".weight", quantize(values, kind), raw_dtype=kind)
        if "embd" not in name and name != "output":
            writer.add_tensor(name + ".bias", random.standard_normal(shape[0], dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def read(path: Path) -> dict[str, torch.Tensor]:
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    # A head that a file has once more is none of its own.
    embedding = state.get("transformer.wte.weight")
    if model.config.tie_word_embeddings or embedding is not None and torch.equal(state["lm_head.weight"], embedding):
        del state["lm_head.weight"]
    return state


def digest(path: Path) -> str:
    lines = hashlib.sha256()
    for name, value in sorted(read(path).items()):
        lines.update(f"{name} {hashlib.sha256(value.numpy().tobytes()).hexdigest()}\n".encode())
    return lines.hexdigest()


def main() -> None:
    names = ("llama", "qwen2", "qwen3", "gpt2")
    if len(sys.argv) > 1 and sys.argv[1] not in names:
        print(digest(Path(sys.argv[1])))
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Llama and Qwen2 share one generator, as they always did; the others have their own.
    shared = np.random.default_rng(7)
    for index, architecture in enumerate(names):
        random = shared if index < 2 else np.random.default_rng(index)
        if sys.argv[1:] and architecture not in sys.argv[1:]:
            continue
        path = write_gpt2(random) if architecture == "gpt2" else write(architecture, random)
        save_file(read(path), FOLDER / f"{architecture}.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
