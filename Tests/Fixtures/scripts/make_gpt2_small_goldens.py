#!/usr/bin/env python3
"""Golden values of GPT-2 small's full shape and vocabulary: 12 layers, 768 columns, 50,257 ids.

Versions: torch 2.13.0+cpu, transformers 5.23.0, peft 0.21.2, numpy 2.4.6 (Python 3.11).
Command:  python make_gpt2_small_goldens.py ../decoders/gpt2-small.json

The weights come from a formula that the test computes too, so that none of their 500 MB are kept. The file has token
ids, the loss, some logits, and of each LoRA gradient the norm and the first values.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

COUNT = 40


def noise(seed, count):
    """Values in [−0.5, 0.5): a hash of (seed, index) on 32 bits, exact in Float32 arithmetic of 24 bits."""
    mask = np.uint64(0xFFFFFFFF)
    h = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed) * np.uint64(2246822519)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & mask
    h ^= h >> np.uint64(13)
    return (h >> np.uint64(8)).astype(np.float32) / np.float32(1 << 24) - np.float32(0.5)


def fill(parameter, name, seed):
    values = torch.from_numpy(noise(seed, parameter.numel())).reshape(parameter.shape)
    if ".ln_" in name and name.endswith("weight"):
        values = values * 0.25 + 1
    else:
        values = values * (0.0625 if "wte" in name or "wpe" in name else 0.125)
    with torch.no_grad():
        parameter.copy_(values)


def main():
    config = GPT2Config()
    config._attn_implementation = "eager"
    base = GPT2LMHeadModel(config).float().eval()
    for seed, (name, parameter) in enumerate(sorted(base.named_parameters())):
        fill(parameter, name, seed)
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")).float().eval()
    trained = sorted((name.replace(".default", ""), p) for name, p in model.named_parameters() if p.requires_grad)
    for seed, (name, parameter) in enumerate(trained):
        fill(parameter, name, 1000 + seed)

    ids = [int(h) for h in (noise(7, COUNT).astype(np.float64) + 0.5) * 50257]
    targets = [-100] * 10 + ids[11:] + [50256]
    logits = model(input_ids=torch.tensor([ids])).logits[0]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(targets), ignore_index=-100, reduction="sum")
    loss.backward()
    golden = {
        "ids": ids, "targets": targets, "lossSum": loss.item(),
        "logits": logits[-1, ::1000].tolist(), "logitNorm": logits[-1].norm().item(),
        "gradients": [{"name": name, "norm": p.grad.norm().item(), "first": p.grad.flatten()[:16].tolist()}
                      for name, p in trained],
    }
    pathlib.Path(sys.argv[1]).write_text(json.dumps(golden) + "\n")


main()
