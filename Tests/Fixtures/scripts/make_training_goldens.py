"""Golden values of whole training runs: ten LoRA steps of PEFT and PyTorch on tiny-base, from an adapter that PEFT made.

Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0+cpu, tokenizers 0.23.3.
Run: python make_training_goldens.py ../training

The loss of a step is the mean over the supervised tokens of its whole batch; rows go in order, eight a step; an
epoch's last batch is smaller, as in Shoal. B starts random (init_lora_weights=False), so that A's gradient counts.
"""

import json
import random
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM, get_linear_schedule_with_warmup

BASE = Path(__file__).resolve().parent.parent / "tiny-base"
STEPS, BATCH, RATE, WARMUP = 10, 8, 5e-3, 0.2
WORDS = "the a good bad film plot actor story ending funny dull sharp slow bright never always left".split()


def make_rows():
    generator = random.Random(7)
    for _ in range(28):
        words = " ".join(generator.choice(WORDS) for _ in range(generator.randint(3, 24)))
        yield {"prompt": f"Review: {words}\nSentiment:", "completion": generator.choice([" positive", " negative"])}


def token_losses(model, tokenizer, row):
    """The losses of a row's supervised tokens: the completion's and the end token's."""
    prompt = tokenizer.encode(row["prompt"], add_special_tokens=False).ids
    completion = tokenizer.encode(row["completion"], add_special_tokens=False).ids + [0]
    ids = torch.tensor([prompt + completion])
    logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
    return cross_entropy(logits, ids[0, len(prompt) :], reduction="none")


def mean_loss(model, tokenizer, rows):
    return torch.cat([token_losses(model, tokenizer, row) for row in rows]).mean()


def main():
    torch.manual_seed(3)
    output = Path(sys.argv[1])
    output.mkdir(exist_ok=True)
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    rows = list(make_rows())
    (output / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    base = LlamaForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    model = get_peft_model(
        base,
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    model.save_pretrained(output / "initial")
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, round(STEPS * WARMUP), STEPS)
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    losses, norms, rates = [], [], []
    for step in range(STEPS):
        loss = mean_loss(model, tokenizer, batches[step % len(batches)])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        losses.append(loss.item())
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.save_pretrained(output / "final")
    again = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(BASE, dtype=torch.float32), output / "final")
    with torch.no_grad():
        final_loss = mean_loss(again.eval(), tokenizer, rows).item()
    expected = {"losses": losses, "norms": norms, "rates": rates, "final_loss": final_loss}
    (output / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for name in ("initial", "final"):
        (output / name / "README.md").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
