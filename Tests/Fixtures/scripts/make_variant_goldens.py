"""Golden values of LoRA's variants and placements: ten steps of PEFT and PyTorch on tiny-base, as make_training_goldens.py.

Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0+cpu, tokenizers 0.23.3.
Run: python make_variant_goldens.py ../training/variants

Each variant has a folder with the adapter it begins with (B random) and the one it ends with, and a line of variants.json.
Those of `bias` are trained on tiny-base as a Qwen2 model whose biases are made up by a formula, as VariantRunTests makes it.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, get_linear_schedule_with_warmup

from make_training_goldens import BASE, BATCH, RATE, STEPS, WARMUP, make_rows, mean_loss

SMALL = ["q_proj", "down_proj"]
VARIANTS = {
    "rslora": {"use_rslora": True, "target_modules": SMALL},
    "patterns": {
        "target_modules": ["q_proj", "k_proj", "up_proj"],
        "rank_pattern": {"up_proj": 2, "layers.1.self_attn.q_proj": 6},
        "alpha_pattern": {"k_proj": 3, "self_attn.q_proj": 12},
    },
    "rslora-patterns": {"use_rslora": True, "target_modules": SMALL, "rank_pattern": {"down_proj": 2}, "alpha_pattern": {"layers.0.*down_proj": 5}},
    "layers": {"layers_to_transform": [1], "target_modules": ["v_proj", "o_proj", "gate_proj"]},
    "regex": {"target_modules": r".*layers\.0\.(self_attn\.[qv]_proj|mlp\.up_proj)"},
    "loraplus": {"target_modules": SMALL},
    "save-head": {"target_modules": SMALL, "modules_to_save": ["lm_head"]},
    # "norm" is how the names of all three kinds of normalisation end.
    "save-embedding": {"target_modules": SMALL, "modules_to_save": ["embed_tokens", "norm"]},
    "save-block": {"target_modules": "all-linear", "modules_to_save": ["layers.1.mlp"]},
    "bias-all": {"target_modules": SMALL, "bias": "all"},
    # PEFT writes the biases of what is saved three times.
    "bias-all-saved": {"target_modules": SMALL, "bias": "all", "modules_to_save": ["layers.1.self_attn.v_proj"]},
    "bias-lora-only": {"target_modules": ["v_proj", "o_proj"], "bias": "lora_only"},
    "dora": {"target_modules": SMALL, "use_dora": True},
    "dora-patterns": {
        "target_modules": ["q_proj", "up_proj"],
        "use_dora": True,
        "use_rslora": True,
        "rank_pattern": {"up_proj": 2},
        "modules_to_save": ["model.norm"],
    },
    "dora-loraplus": {"target_modules": SMALL, "use_dora": True},
    "embedding": {"target_modules": ["q_proj", "embed_tokens"]},
    "dora-embedding": {"target_modules": ["embed_tokens", "lm_head"], "use_dora": True},
    "embedding-loraplus": {"target_modules": ["embed_tokens", "up_proj"]},
    "pissa": {"target_modules": ["q_proj", "up_proj", "down_proj"], "init_lora_weights": "pissa", "alpha_pattern": {"up_proj": 12}},
}
RATIO = 8


def make_base(name):
    """tiny-base; for the variants of `bias` with biases."""
    base = LlamaForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    if not name.startswith("bias"):
        return base
    values = base.config.to_dict()
    values = {key: values[key] for key in Qwen2Config().to_dict() if key in values and key not in ("model_type", "architectures", "layer_types")}
    model = Qwen2ForCausalLM(Qwen2Config(**values))
    missing = model.load_state_dict(base.state_dict(), strict=False).missing_keys
    assert sorted(missing) == sorted(name for name, _ in model.named_parameters() if name.endswith(".bias")), missing
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".bias"):
                seed = len(name) + int(name.split(".")[2])
                for index in range(len(parameter)):
                    parameter[index] = ((index * 37 + seed * 101) % 97) / 97 - 0.5
    return model


def groups(model):
    """Weight decay as Hugging Face's Trainer gives it: not to biases and normalisations."""
    parameters = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decays = [p.ndim >= 2 or "lora_magnitude_vector" in name for name, p in parameters]
    return [
        {"params": [p for (_, p), decay in zip(parameters, decays) if decay], "weight_decay": 0.01},
        {"params": [p for (_, p), decay in zip(parameters, decays) if not decay], "weight_decay": 0.0},
    ]


def run(name, options, tokenizer, rows, output):
    torch.manual_seed(5)
    model = get_peft_model(
        make_base(name),
        LoraConfig(**{"r": 4, "lora_alpha": 8, "init_lora_weights": False, "task_type": "CAUSAL_LM", **options}),
    )
    # One variant keeps the unchanged table that PEFT saves with an adapted embedding.
    save = {"save_embedding_layers": "auto" if name == "embedding" else False}
    model.save_pretrained(output / name / "initial", **save)
    if name.endswith("loraplus"):
        optimizer = create_loraplus_optimizer(
            model, torch.optim.AdamW, lr=RATE / 4, loraplus_lr_ratio=RATIO, loraplus_weight_decay=0.01
        )
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.01
    else:
        optimizer = torch.optim.AdamW(groups(model), lr=RATE)
    schedule = get_linear_schedule_with_warmup(optimizer, round(STEPS * WARMUP), STEPS)
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    losses, norms = [], []
    for step in range(STEPS):
        loss = mean_loss(model, tokenizer, batches[step % len(batches)])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        losses.append(loss.item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.save_pretrained(output / name / "final", **save)
    with torch.no_grad():
        final = mean_loss(model.eval(), tokenizer, rows).item()
    for folder in ("initial", "final"):
        (output / name / folder / "README.md").unlink(missing_ok=True)
    return {"losses": losses, "norms": norms, "final_loss": final}


def main():
    output = Path(sys.argv[1])
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    rows = list(make_rows())
    expected = {name: run(name, options, tokenizer, rows, output) for name, options in VARIANTS.items()}
    (output / "variants.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
