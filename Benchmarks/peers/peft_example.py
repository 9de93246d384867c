#!/usr/bin/env python3
"""Trains a run of `shoal train` again with PEFT on PyTorch and compares the losses on the rows held out.

usage: VENV/bin/python Benchmarks/peers/peft_example.py RUN --shoal PATH [--threads N] [--own-start]

VENV has Benchmarks/peers/requirements.txt. The configuration is RUN/config.yaml, the rows of each step are those of
RUN/ledger.jsonl; tokens, masks, AdamW, schedule and evaluation are those of transformers, PyTorch and PEFT. Both start from
the same adapter, so that what differs is the training; --own-start takes one that PEFT makes. It knows method lora, rows of
messages (in ChatML), of prompt and completion, and of a text and its label. Prints a JSON line with the loss per supervised
token (for labels also the accuracy) on data.valid: of the base, of Shoal's adapter as PEFT loads it, of the adapter PEFT
trained, and what `shoal eval` says of the first two. A base has no head for labels, so nothing is said of it then.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, get_scheduler)


def load(base, loader, **options):
    """What transformers' `loader` makes of a folder or a GGUF file."""
    if base.endswith(".gguf"):
        return loader.from_pretrained(os.path.dirname(base), gguf_file=os.path.basename(base), **options)
    return loader.from_pretrained(base, **options)


def read_rows(paths):
    return [json.loads(line) for path in paths for line in open(path, encoding="utf-8") if line.strip()]


class Encoder:
    """Ids of rows, with a target for each id, -100 where none is learnt, or with the number of the row's label."""

    def __init__(self, tokenizer, longest, labels):
        self.tokenizer, self.longest, self.labels = tokenizer, longest, labels

    def __call__(self, row):
        if "label" in row:
            return self.tokenizer(row["text"], truncation=True, max_length=self.longest)["input_ids"], self.labels[row["label"]]
        ids, targets = self.chat(row["messages"]) if "messages" in row else self.completion(row)
        if len(ids) > self.longest:
            sys.exit(f"a row has {len(ids)} tokens, data.max_sequence_length is {self.longest}; Shoal cuts it, this does not")
        return ids, targets

    def completion(self, row):
        prompt, completion = (
            self.tokenizer(row[name], add_special_tokens=False)["input_ids"] for name in ("prompt", "completion"))
        completion = completion + [self.tokenizer.eos_token_id]
        return prompt + completion, [-100] * len(prompt) + completion

    def chat(self, messages):
        text, spans = self.render(messages), []
        for index, message in enumerate(messages):
            if message["role"] == "assistant":
                start = len(self.render(messages[:index], add_generation_prompt=True))
                spans.append((start, start + len(message["content"]) + len("<|im_end|>")))
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = encoded["input_ids"]
        learnt = [any(start <= at < end for start, end in spans) for at, _ in encoded["offset_mapping"]]
        return ids, [token if is_learnt else -100 for token, is_learnt in zip(ids, learnt)]

    def render(self, messages, **options):
        return self.tokenizer.apply_chat_template(messages, tokenize=False, **options)


def padded(rows, filler):
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])


def loss_sum(model, rows):
    """The summed loss, the number of supervised tokens and of right ones of encoded rows, in one padded batch."""
    ids, targets = ([row[part] for row in rows] for part in (0, 1))
    logits = model(input_ids=padded(ids, 0), attention_mask=padded([[1] * len(row) for row in ids], 0)).logits
    if isinstance(targets[0], int):
        targets = torch.tensor(targets)
    else:
        logits, targets = logits[:, :-1].flatten(0, 1), padded(targets, -100)[:, 1:].flatten()
    total = cross_entropy(logits, targets, ignore_index=-100, reduction="sum")
    return total, int((targets != -100).sum()), int((logits.argmax(-1) == targets).sum())


@torch.no_grad()
def held_out(model, rows, name):
    """The loss of held-out rows by the name given, and the accuracy where they have labels."""
    model.eval()
    rows, total, count, right = sorted(rows, key=lambda row: len(row[0])), 0.0, 0, 0
    for start in range(0, len(rows), 16):
        part, tokens, hits = loss_sum(model, rows[start : start + 16])
        total, count, right = total + part.item(), count + tokens, right + hits
    return {name: total / count} | ({f"{name}_accuracy": right / count} if isinstance(rows[0][1], int) else {})


def train(model, config, encoded, ledger):
    options = config["training"]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=options["learning_rate"], betas=(options["adam_beta1"], options["adam_beta2"]),
        eps=float(options["adam_epsilon"]), weight_decay=options["weight_decay"])
    warmup = round(options["warmup_ratio"] * len(ledger))
    schedule = get_scheduler(options["lr_scheduler_type"], optimizer, warmup, len(ledger))
    model.train()
    for number, step in enumerate(ledger, 1):
        total, count, _ = loss_sum(model, [encoded[index] for index in step["examples"]])
        (total / count).backward()
        if options["max_grad_norm"]:
            torch.nn.utils.clip_grad_norm_(trained, options["max_grad_norm"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if number % 10 == 0:
            print(f"step {number}/{len(ledger)}, loss {total.item() / count:.4f}", file=sys.stderr, flush=True)


def first_adapter(shoal, run, folder):
    """Trains one step with a rate that changes nothing, which leaves the adapter that the run began with."""
    command = [shoal, "train", str(run / "config.yaml"), "--output", f"{folder}/run", "--quiet",
               "--set", "training.max_steps=1", "--set", "training.learning_rate=1.0e-30",
               "--set", "evaluation.every_steps=0"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def shoal_loss(shoal, run, *options):
    command = [shoal, "eval", str(run / "config.yaml"), "--json", *options]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["loss"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--shoal", required=True, help="the program")
    parser.add_argument("--own-start", action="store_true", help="begin with an adapter that PEFT makes")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = yaml.safe_load((arguments.run / "config.yaml").read_text())
    adapter, base = config["adapter"], config["base"]
    if config["method"] != "lora" or not config["data"]["valid"]:
        sys.exit("the run needs method lora and data.valid")
    ledger = [json.loads(line) for line in open(arguments.run / "ledger.jsonl")]

    with safe_open(arguments.run / "adapter/adapter_model.safetensors", "pt") as file:
        labels = {name: int(number) for number, name in json.loads((file.metadata() or {}).get("id2label", "{}")).items()}
    encode = Encoder(load(base, AutoTokenizer), config["data"]["max_sequence_length"], labels)
    rows = [encode(row) for row in read_rows(config["data"]["train"])]
    valid = [encode(row) for row in read_rows(config["data"]["valid"])]
    result = {"steps": len(ledger), "held_out_rows": len(valid)}
    if labels:
        model = load(base, AutoModelForSequenceClassification, dtype=torch.float32, num_labels=len(labels))
    else:
        model = load(base, AutoModelForCausalLM, dtype=torch.float32)
        result |= held_out(model, valid, "base")
    model = PeftModel.from_pretrained(model, arguments.run / "adapter")
    result |= held_out(model, valid, "shoal")
    model = model.unload()
    if hasattr(model, "peft_config"):
        del model.peft_config

    if arguments.own_start:
        torch.manual_seed(config["training"]["seed"])
        names = ("r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "use_dora", "init_lora_weights",
                 "rank_pattern", "alpha_pattern", "layers_to_transform")
        model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS" if labels else "CAUSAL_LM", **{name: adapter[name] for name in names}))
    else:
        with tempfile.TemporaryDirectory() as folder:
            first_adapter(arguments.shoal, arguments.run, folder)
            model = PeftModel.from_pretrained(model, f"{folder}/run/adapter", is_trainable=True)
    started = time.time()
    train(model, config, rows, ledger)
    result["peft_training_seconds"] = round(time.time() - started, 1)
    result |= held_out(model, valid, "peft")
    result["shoal_over_peft"] = result["shoal"] / result["peft"]
    if not labels:
        result["shoal_eval_base"] = shoal_loss(arguments.shoal, arguments.run)
    result["shoal_eval_adapter"] = shoal_loss(
        arguments.shoal, arguments.run, "--adapter", str(arguments.run / "adapter"))
    print(json.dumps({name: round(value, 5) for name, value in result.items()}))


main()
