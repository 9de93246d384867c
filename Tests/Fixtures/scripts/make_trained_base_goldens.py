#!/usr/bin/env python3
"""Golden values of full and partial fine-tuning, from Hugging Face's own models and PyTorch's AdamW.

Versions: torch 2.13.0+cpu, transformers 5.23.0, tokenizers 0.23.3, safetensors (Python 3.11).
Command:  python make_trained_base_goldens.py ../decoders ../training [NAME...]

Of each tiny model that make_decoder_goldens.py made: `trained.safetensors`, the gradient of every tensor for the sequences of
golden.json, and `trained.json`, losses and gradient norms of ten steps on its steps, of all tensors and of the last block
with the final norm. Of tiny-base and the rows of make_training_goldens.py: `full.json`, `partial.json` and the tensors
after ten steps. Decay leaves out what has one dimension, as the Trainer does; clipping at 1.
"""

import json
import pathlib
import sys

import torch
from make_training_goldens import BASE, BATCH, RATE, STEPS, WARMUP, mean_loss
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def freeze_but_last_block(model):
    """Leaves the last block and the final norm to train, as `partial: {layers: 1, final_norm: true, head: false}`."""
    blocks, norm = ("transformer.h", "transformer.ln_f.") if model.config.model_type == "gpt2" else ("model.layers", "model.norm.")
    last = f"{blocks}.{model.config.num_hidden_layers - 1}."
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith((last, norm)))


def optimizer_of(model, rate):
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return trained, torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8)


def loss_sum(model, ids, targets):
    total = 0
    for row, target in zip(ids, targets):
        logits = model(input_ids=torch.tensor([row])).logits[0]
        total = total + torch.nn.functional.cross_entropy(
            logits, torch.tensor(target), ignore_index=-100, reduction="sum")
    return total


def ten_steps(model, golden):
    trained, optimizer = optimizer_of(model, golden["learningRate"])
    steps = []
    for step in golden["steps"]:
        count = sum(t != -100 for row in step["targets"] for t in row)
        optimizer.zero_grad()
        loss = loss_sum(model, step["ids"], step["targets"]) / count
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        steps.append({"loss": loss.item(), "gradientNorm": norm.item()})
    return steps


def make_decoders(root, names):
    for folder in sorted(path.parent for path in root.glob("*/golden.json")):
        if names and folder.name not in names:
            continue
        golden = json.loads((folder / "golden.json").read_text())
        model = load(folder)
        loss = loss_sum(model, golden["ids"], golden["targets"])
        loss.backward()
        gradients = {name: p.grad.contiguous() for name, p in model.named_parameters()}
        save_file(gradients, folder / "trained.safetensors", metadata={"format": "pt"})
        partial = load(folder)
        freeze_but_last_block(partial)
        (folder / "trained.json").write_text(json.dumps({
            "lossSum": loss.item(), "full": ten_steps(load(folder), golden), "partial": ten_steps(partial, golden)},
            indent=1) + "\n")


def make_training(root):
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    rows = [json.loads(line) for line in (root / "rows.jsonl").read_text().splitlines()]
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    for method in ("full", "partial"):
        model = load(BASE)
        if method == "partial":
            freeze_but_last_block(model)
        trained, optimizer = optimizer_of(model, RATE)
        schedule = get_linear_schedule_with_warmup(optimizer, round(STEPS * WARMUP), STEPS)
        losses, norms = [], []
        for step in range(STEPS):
            loss = mean_loss(model, tokenizer, batches[step % len(batches)])
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
            losses.append(loss.item())
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        tensors = {name: p.detach().contiguous() for name, p in model.named_parameters() if p.requires_grad}
        save_file(tensors, root / f"{method}.safetensors", metadata={"format": "pt"})
        (root / f"{method}.json").write_text(json.dumps({"losses": losses, "norms": norms}, indent=1) + "\n")


if __name__ == "__main__":
    make_decoders(pathlib.Path(sys.argv[1]), sys.argv[3:])
    if not sys.argv[3:]:
        make_training(pathlib.Path(sys.argv[2]))
