"""Loads an adapter that Shoal wrote into PEFT and compares every tensor with the file; exits 1 on a difference.

Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0+cpu, tokenizers 0.23.3.
Run: SHOAL_KEEP_ADAPTER=/tmp/adapter swift test --filter PEFTDirectory
     python check_adapter_in_peft.py /tmp/adapter
 or, for a run's adapter on its base, with the loss on rows to hold beside that of `shoal eval`:
     python check_adapter_in_peft.py RUN/adapter ../tiny-base ../training/rows.jsonl
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
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from make_training_goldens import mean_loss

# A warning of PEFT (an unknown key, a tensor that is missing or too many) is a failure.
warnings.simplefilter("error")
warnings.simplefilter("ignore", FutureWarning)  # of transformers about PEFT
# What PEFT says of every adapter of a tied tensor.
warnings.filterwarnings("ignore", message=".*tie_word_embeddings=True.*")

directory = Path(sys.argv[1])
base_path = Path(sys.argv[2]) if len(sys.argv) > 2 else None
torch.manual_seed(0)
if base_path:
    base = AutoModelForCausalLM.from_pretrained(base_path, dtype=torch.float32)
else:
    base = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=32,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=False,
        )
    )
model = PeftModel.from_pretrained(base, directory).eval()
loaded = get_peft_model_state_dict(model, save_embedding_layers=False)
with safe_open(directory / "adapter_model.safetensors", "pt") as file:
    names = list(file.keys())
    metadata = file.metadata()
    different = [name for name in names if not torch.equal(loaded[name], file.get_tensor(name))]
if set(names) != set(loaded) or different:
    sys.exit(f"differ: {set(names) ^ set(loaded)} {different}")
with torch.no_grad():
    ids = torch.arange(8)[None]
    adapted = model(ids).logits
    if len(sys.argv) > 3:
        rows = [json.loads(line) for line in Path(sys.argv[3]).read_text().splitlines()]
        tokenizer = Tokenizer.from_file(str(base_path / "tokenizer.json"))
        print(f"loss {mean_loss(model, tokenizer, rows).item():.6f}")
    with model.disable_adapter():
        change = (adapted - model(ids).logits).norm().item()
print(f"PEFT loads {len(names)} tensors of {directory}, metadata {metadata}; the logits change by {change:.4f}")
