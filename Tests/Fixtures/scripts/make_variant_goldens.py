"""Golden values of LoRA's variants and placements: ten steps of PEFT and PyTorch on tiny-base, as make_training_goldens.py.

Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0+cpu, tokenizers 0.23.3.
Run: python make_variant_goldens.py ../training/variants

Each variant has a folder with the adapter it begins with (B random) and the one it ends with, and a line of variants.json.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM, get_linear_schedule_with_warmup

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
}
RATIO = 8


def run(name, options, tokenizer, rows, output):
    torch.manual_seed(5)
    model = get_peft_model(
        LlamaForCausalLM.from_pretrained(BASE, dtype=torch.float32),
        LoraConfig(r=4, lora_alpha=8, init_lora_weights=False, task_type="CAUSAL_LM", **options),
    )
    model.save_pretrained(output / name / "initial")
    if name == "loraplus":
        optimizer = create_loraplus_optimizer(
            model, torch.optim.AdamW, lr=RATE / 4, loraplus_lr_ratio=RATIO, loraplus_weight_decay=0.01
        )
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.01
    else:
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE, weight_decay=0.01)
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
    model.save_pretrained(output / name / "final")
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
