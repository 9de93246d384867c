#!/usr/bin/env python3
"""Makes what `shoal train` begins with and what is shipped in the end; Examples/tiny-base/pretrain calls it.

usage: make.py initial CORPUS OUT    a tokenizer trained on CORPUS/*.train.jsonl, and random Float32 weights
       make.py half MODEL OUT        MODEL's weights rounded to Float16, with its configuration and tokenizer
       make.py nats NAME FILE        a line of the loss that `shoal eval --json` (stdin) found on FILE, in nats a byte

All are deterministic. `initial` needs the Python package tokenizers (0.23.3 made the files here).
"""
import array
import json
import math
import random
import shutil
import struct
import sys
from pathlib import Path

END, PAD = "<|im_end|>", "<|endoftext|>"
SPECIAL = [PAD, "<|im_start|>", END]
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 3072, "hidden_size": 192,
    "intermediate_size": 448, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "head_dim": 32, "hidden_act": "silu", "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0, "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
    "bos_token_id": None, "eos_token_id": 2, "pad_token_id": 0, "torch_dtype": "float32",
}
CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def texts(corpus):
    for path in sorted(corpus.glob("*.train.jsonl")):
        for line in open(path, encoding="utf-8"):
            row = json.loads(line)
            yield from [row["text"]] if "text" in row else [message["content"] for message in row["messages"]]


def write_tokenizer(corpus, out):
    """A byte-level BPE like SmolLM2's, with digits by themselves."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"], special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(texts(corpus), trainer)
    if tokenizer.get_vocab_size() != CONFIG["vocab_size"]:
        sys.exit(f"the tokenizer has {tokenizer.get_vocab_size()} ids, expected {CONFIG['vocab_size']}")
    tokenizer.save(str(out / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": END, "pad_token": PAD,
        "model_max_length": CONFIG["max_position_embeddings"], "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE}
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def shapes():
    """Each tensor's shape and the deviation of its first values; None: ones."""
    width, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    key_width = CONFIG["num_key_value_heads"] * CONFIG["head_dim"]
    layers = CONFIG["num_hidden_layers"]
    # What is added to the residual stream begins smaller, as in GPT-2.
    usual, added = 0.04, 0.04 / math.sqrt(2 * layers)
    yield "model.embed_tokens.weight", [CONFIG["vocab_size"], width], 0.02
    yield "model.norm.weight", [width], None
    for layer in range(layers):
        block = f"model.layers.{layer}"
        yield f"{block}.input_layernorm.weight", [width], None
        yield f"{block}.post_attention_layernorm.weight", [width], None
        yield f"{block}.self_attn.q_proj.weight", [width, width], usual
        yield f"{block}.self_attn.k_proj.weight", [key_width, width], usual
        yield f"{block}.self_attn.v_proj.weight", [key_width, width], usual
        yield f"{block}.self_attn.o_proj.weight", [width, width], added
        yield f"{block}.mlp.gate_proj.weight", [inner, width], usual
        yield f"{block}.mlp.up_proj.weight", [inner, width], usual
        yield f"{block}.mlp.down_proj.weight", [width, inner], added


def write_safetensors(path, tensors, dtype):
    """Writes {name: (shape, bytes)}, sorted by name."""
    header, position = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        shape, content = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(content)]}
        position += len(content)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            file.write(tensors[name][1])


def initial(corpus, out):
    out.mkdir(parents=True, exist_ok=True)
    write_tokenizer(corpus, out)
    (out / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    tensors = {}
    for name, shape, deviation in shapes():
        generator = random.Random(f"tiny-base {name}")
        values = (1.0 if deviation is None else generator.gauss(0, deviation) for _ in range(math.prod(shape)))
        tensors[name] = (shape, array.array("f", values).tobytes())
    write_safetensors(out / "model.safetensors", tensors, "F32")
    print(f"{out}: {sum(math.prod(shape) for shape, _ in tensors.values())} parameters")


def half(model, out):
    content = (model / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header, values = json.loads(content[8 : 8 + length]), content[8 + length :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            sys.exit(f"{model}: {name} is {entry['dtype']}, expected F32")
        start, end = entry["data_offsets"]
        floats = array.array("f", values[start:end])
        tensors[name] = (entry["shape"], struct.pack(f"<{len(floats)}e", *floats))
    out.mkdir(parents=True, exist_ok=True)
    write_safetensors(out / "model.safetensors", tensors, "F16")
    (out / "config.json").write_text(json.dumps({**CONFIG, "torch_dtype": "float16"}, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (model / name).resolve() != (out / name).resolve():
            shutil.copyfile(model / name, out / name)


def nats(name, file):
    """The first token of a text has no loss and the end token has one; both are few."""
    found = json.load(sys.stdin)
    size = sum(len(json.loads(line)["text"].encode()) for line in open(file, encoding="utf-8"))
    per_byte = found["loss"] * found["supervised_tokens"] / size
    print(f"{name}: {per_byte:.4f} nats a byte ({found['loss']:.4f} a token, {size} bytes)")


def main():
    modes = {"initial": initial, "half": half, "nats": nats}
    if len(sys.argv) != 4 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    modes[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))


main()
