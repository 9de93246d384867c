#!/usr/bin/env python3
"""The peer of `shoal generate`: a greedy continuation with transformers, timed after loading and a warm-up.

Prints one JSON line: the text, and the seconds of generating 1 and --count tokens.
"""
import argparse
import json
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--base", required=True)
options.add_argument("--prompt", required=True)
options.add_argument("--count", type=int, default=128)
options.add_argument("--threads", type=int, default=2)
a = options.parse_args()

torch.set_num_threads(a.threads)
tokenizer = AutoTokenizer.from_pretrained(a.base)
model = AutoModelForCausalLM.from_pretrained(a.base, dtype=torch.float32).eval()
inputs = tokenizer(a.prompt, add_special_tokens=False, return_tensors="pt")


def generate(count):
    began = time.perf_counter()
    output = model.generate(**inputs, do_sample=False, min_new_tokens=count, max_new_tokens=count)
    return time.perf_counter() - began, output[0, inputs["input_ids"].shape[1]:]


generate(8)
first, _ = generate(1)
seconds, tokens = generate(a.count)
print(json.dumps({"count": len(tokens), "first_seconds": first, "seconds": seconds, "text": tokenizer.decode(tokens)}))
