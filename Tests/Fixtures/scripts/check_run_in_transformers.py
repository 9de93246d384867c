#!/usr/bin/env python3
"""Repeats a run of `method: full` or `partial` with transformers and PyTorch, and loads what it published.

Versions: torch 2.13.0+cpu, transformers 5.23.0, gguf 0.19.0.
Command:  python check_run_in_transformers.py RUN --shoal .build/release/shoal

RUN is trained with data.shuffle: false on prompt/completion rows, in steps that do not reach the end of the file. Compares
the losses and norms of its steps with those of AdamW over the same rows, then the logits and ids of RUN/model with
`shoal generate` and `shoal tokenize`. Ends with status 1 where a loss differs by more than 1e-4 of it.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import torch
import yaml
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer, get_linear_schedule_with_warmup

TEXTS = ["The capital of France is", "Hello  world's 1234\n\tnaïve 日本 <|im_start|>user\nhi<|im_end|>", " x\r\n\r\n y  "]


def open_base(path):
    where, name = (os.path.dirname(path), {"gguf_file": os.path.basename(path)}) if path.endswith(".gguf") else (path, {})
    model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, **name)
    return model, AutoTokenizer.from_pretrained(where, **name)


def row_losses(model, tokenizer, row):
    prompt = tokenizer.encode(row["prompt"], add_special_tokens=False)
    completion = tokenizer.encode(row["completion"], add_special_tokens=False) + [tokenizer.eos_token_id]
    ids = torch.tensor([prompt + completion])
    logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
    return cross_entropy(logits, ids[0, len(prompt) :], reduction="sum"), len(completion)


def repeat(run, configuration):
    training = configuration["training"]
    model, tokenizer = open_base(configuration["base"])
    if configuration["method"] == "partial":
        partial, count = configuration["partial"], model.config.num_hidden_layers
        blocks = tuple(f"model.layers.{layer}." for layer in range(count - partial["layers"], count))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(
                name.startswith(blocks) or partial["final_norm"] and name == "model.norm.weight"
                or partial["head"] and (name == "lm_head.weight" or model.config.tie_word_embeddings
                                        and name == "model.embed_tokens.weight"))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in trained if p.dim() > 1], "weight_decay": training["weight_decay"]},
         {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0}],
        lr=float(training["learning_rate"]), betas=(training["adam_beta1"], training["adam_beta2"]), eps=float(training["adam_epsilon"]))
    steps = training["max_steps"]
    schedule = get_linear_schedule_with_warmup(optimizer, round(steps * training["warmup_ratio"]), steps)
    rows = [json.loads(line) for line in open(configuration["data"]["train"][0])]
    size = training["batch_size"]
    metrics = [json.loads(line) for line in open(run / "metrics.jsonl")]
    worst = 0
    for step, metric in enumerate(metrics):
        batch, total, count = rows[step * size : (step + 1) * size], 0.0, 0
        supervised = sum(len(tokenizer.encode(r["completion"], add_special_tokens=False)) + 1 for r in batch)
        for row in batch:  # one graph at a time: the gradient of the sum, divided by all tokens
            loss, tokens = row_losses(model, tokenizer, row)
            (loss / supervised).backward()
            total, count = total + loss.item(), count + tokens
        # In Float64: the sum of so many squares in Float32, which clips, is some 1e-5 too small.
        norm = sum(p.grad.double().pow(2).sum() for p in trained).sqrt().item()
        torch.nn.utils.clip_grad_norm_(trained, training["max_grad_norm"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        difference = abs(metric["loss"] / (total / count) - 1)
        worst = max(worst, difference)
        print(f"step {metric['step']}: loss {metric['loss']:.7f}, transformers {total / count:.7f}, "
              f"differs by {difference:.1e}; norm {metric['grad_norm']:.5f}, {norm:.5f}", flush=True)
    return worst


def look_at_result(run, shoal):
    model = AutoModelForCausalLM.from_pretrained(run / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(run / "model")
    assert model.dtype == torch.float32, model.dtype
    for text in TEXTS:
        told = subprocess.run([shoal, "tokenize", "--base", run / "model", "--whole"], input=text, text=True,
                              capture_output=True, check=True).stdout.split()
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert [int(id) for id in told] == ids, (text, told, ids)
        assert tokenizer.decode(ids) == text, (text, tokenizer.decode(ids))
    row = {"text": TEXTS[0]}
    file = run / "one.jsonl"
    file.write_text(json.dumps(row) + "\n")
    told = json.loads(subprocess.run([shoal, "eval", "--base", run / "model", "--data", file, "--json"], text=True,
                                     capture_output=True, check=True).stdout)
    file.unlink()
    ids = torch.tensor([tokenizer.encode(TEXTS[0], add_special_tokens=False) + [tokenizer.eos_token_id]])
    with torch.no_grad():
        loss = cross_entropy(model(ids).logits[0, :-1], ids[0, 1:]).item()
    difference = abs(told["loss"] / loss - 1)
    print(f"RUN/model in transformers: {len(TEXTS)} texts with equal ids, loss {loss:.7f}, shoal {told['loss']:.7f}, "
          f"differs by {difference:.1e}")
    return difference


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--shoal", default=".build/release/shoal")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    configuration = yaml.safe_load((arguments.run / "config.yaml").read_text())
    worst = repeat(arguments.run, configuration)
    worst = max(worst, look_at_result(arguments.run, arguments.shoal))
    sys.exit(f"differs by {worst:.1e}" if worst > 1e-4 else 0)


main()
