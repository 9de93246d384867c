#!/usr/bin/env python3
"""Loads a classifier's adapter that Shoal trained into PEFT, compares every tensor with the file, and what it predicts with
what `shoal eval --json` counted; exits 1 on a difference.

Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0+cpu, tokenizers 0.23.3.
Run: python check_classifier_in_peft.py BASE ADAPTER ROWS.jsonl [EVAL.json]
     EVAL.json is what `shoal eval --base BASE --adapter ADAPTER --data ROWS.jsonl --json` printed.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification

# A warning of PEFT (an unknown key, a tensor that is missing or too many) is a failure.
warnings.simplefilter("error")
warnings.simplefilter("ignore", FutureWarning)  # of transformers about PEFT

base, directory, rows = Path(sys.argv[1]), Path(sys.argv[2]), [json.loads(line) for line in Path(sys.argv[3]).read_text().splitlines()]
with safe_open(directory / "adapter_model.safetensors", "pt") as file:
    tensors = {name: file.get_tensor(name) for name in file.keys()}
    labels = json.loads(file.metadata()["id2label"])
numbers = {label: int(number) for number, label in labels.items()}
model = AutoModelForSequenceClassification.from_pretrained(base, dtype=torch.float32, num_labels=len(labels))
model = PeftModel.from_pretrained(model, directory).eval()
loaded = get_peft_model_state_dict(model)
different = [name for name in tensors if name not in loaded or not torch.equal(loaded[name], tensors[name])]
if set(tensors) != set(loaded) or different:
    sys.exit(f"differ: {set(tensors) ^ set(loaded)} {different}")

tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
tokenizer.no_padding()
# RoBERTa's positions begin behind the padding token's id.
first = model.config.pad_token_id + 1 if model.config.model_type == "roberta" else 0
tokenizer.enable_truncation(min(512, model.config.max_position_embeddings - first))
counts = [[0] * len(labels) for _ in labels]
loss = 0.0
with torch.no_grad():
    for row in rows:
        logits = model(input_ids=torch.tensor([tokenizer.encode(row["text"]).ids])).logits
        actual = numbers[str(row["label"])]
        loss += cross_entropy(logits, torch.tensor([actual])).item() / len(rows)
        counts[actual][logits.argmax().item()] += 1
accuracy = sum(counts[i][i] for i in range(len(labels))) / len(rows)
print(f"PEFT loads {len(tensors)} tensors of {directory}; {len(rows)} rows: loss {loss:.5f}, accuracy {accuracy:.4f}, {counts}")
if len(sys.argv) > 4:
    shoal = json.loads(Path(sys.argv[4]).read_text())
    if abs(shoal["loss"] - loss) > 1e-4 or shoal["confusion"]["counts"] != counts:
        sys.exit(f"shoal eval has loss {shoal['loss']:.5f}, {shoal['confusion']['counts']}")
