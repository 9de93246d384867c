#!/usr/bin/env python3
"""Prints scripts/quickstart's table from what was measured.

usage: quickstart_report.py BEFORE.json AFTER.json RUN
  BEFORE, AFTER   what `shoal eval --json` printed without and with the adapter
  RUN             the folder of the run, for its adapter and metrics.jsonl
Standard library only.
"""
import json
import math
import struct
import sys
from pathlib import Path
from statistics import median

# Parameters of SmolLM2-135M; the output layer shares the embedding. The file's digest is pinned, so it is no guess.
BASE_PARAMETERS = 134_515_008


def safetensors_parameters(path):
    """Elements of all tensors, from the file's header."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def megabytes(count):
    return f"{count / 1e6:,.1f} MB"


def main():
    before, after = (json.loads(Path(path).read_text()) for path in sys.argv[1:3])
    run = Path(sys.argv[3])
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    trained = safetensors_parameters(run / "adapter" / "adapter_model.safetensors")
    workers = max(step["workers"] for step in steps)

    print(f"  {'held-out reviews':<34}{'before':>10}{'after':>10}")
    for label, key, form in (
        ("accuracy (likelier answer)", "choice_accuracy", "{:.1%}"),
        ("exact match (what it writes)", "exact_match", "{:.1%}"),
        ("loss per supervised token", "loss", "{:.4f}"),
    ):
        print(f"  {label:<34}{form.format(before[key]):>10}{form.format(after[key]):>10}")

    # The first step also pays for what happens once.
    speed = median(step["tokens_per_second"] for step in (steps[1:] or steps))
    sent = median(step["wire_bytes_sent"] for step in steps)
    full = 4 * BASE_PARAMETERS * 2 * (workers - 1)  # 2·(n-1)/n of the gradient from each of n workers
    print()
    print(f"  {'steps':<34}{len(steps):>20}")
    print(f"  {'trained parameters':<34}{trained:>20,}  ({trained / BASE_PARAMETERS:.2%} of the base)")
    print(f"  {'tokens a second, all workers':<34}{speed:>20,.0f}")
    print(f"  {'sent in a step, all workers':<34}{megabytes(sent):>20}")
    print(f"  {'… full fine-tuning would send':<34}{megabytes(full):>20}  (computed: 2·(n-1)/n · 4 bytes from each)")


main()
