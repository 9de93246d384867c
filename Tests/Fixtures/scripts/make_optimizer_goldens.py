"""Golden values for Sources/Optimizers: ten AdamW steps with clipping, and learning-rate schedules.

Versions: torch 2.13.0+cpu, transformers 5.23.0.
Run: python make_optimizer_goldens.py ../optimizers
"""

import json
import math
import sys
from pathlib import Path

import torch
from transformers import get_scheduler

OUTPUT = Path(sys.argv[1])
TOKEN_COUNTS = [37, 11, 64, 5, 29, 90, 41, 3, 17, 50]


def numbers(tensor):
    """Float32 values, exactly, as JSON numbers."""
    return [float(value) for value in tensor.reshape(-1)]


def adamw(weight_decay, lora_plus_ratio):
    """Ten steps on three tensors, gradients given as sums over tokens (so the script divides them)."""
    torch.manual_seed(7)
    shapes = {
        "layers.0.q_proj.lora_A.weight": (3, 7),
        "layers.0.q_proj.lora_B.weight": (5, 3),
        "layers.0.input_layernorm.weight": (7,),
    }
    parameters = {name: torch.nn.Parameter(torch.randn(shape) * 0.3) for name, shape in shapes.items()}
    initial = torch.cat([p.detach().reshape(-1) for p in parameters.values()])
    groups = [
        {
            "params": [parameter],
            "lr": 1e-2 * (lora_plus_ratio if "lora_B" in name or parameter.dim() == 1 else 1.0),
            "weight_decay": weight_decay if parameter.dim() > 1 else 0.0,
        }
        for name, parameter in parameters.items()
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    schedule = get_scheduler("cosine", optimizer, num_warmup_steps=2, num_training_steps=10)
    steps = []
    for step, tokens in enumerate(TOKEN_COUNTS):
        # Large and small gradients, so that some steps are clipped and some are not.
        sums = [torch.randn(p.shape) * tokens * (0.05 if step % 3 else 0.6) for p in parameters.values()]
        for parameter, total in zip(parameters.values(), sums):
            parameter.grad = total / tokens
        rate = schedule.get_last_lr()[0]
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        schedule.step()
        steps.append(
            {
                "gradient": numbers(torch.cat([total.reshape(-1) for total in sums])),
                "tokens": tokens,
                "learning_rate": rate,
                "gradient_norm": float(norm),
                "parameters": numbers(torch.cat([p.detach().reshape(-1) for p in parameters.values()])),
            }
        )
    state = [optimizer.state[p] for p in parameters.values()]
    return {
        "tensors": [{"name": name, "shape": list(shape)} for name, shape in shapes.items()],
        "weight_decay": weight_decay,
        "lora_plus_ratio": lora_plus_ratio,
        "initial": numbers(initial),
        "steps": steps,
        "first_moments": numbers(torch.cat([s["exp_avg"].reshape(-1) for s in state])),
        "second_moments": numbers(torch.cat([s["exp_avg_sq"].reshape(-1) for s in state])),
    }


def schedules():
    """Rates of every step for each kind, with and without warm-up."""
    cases = []
    for kind, name in [("constant", "constant_with_warmup"), ("linear", "linear"), ("cosine", "cosine")]:
        for total, ratio in [(10, 0.0), (23, 0.1), (7, 0.5), (1, 0.0), (4, 1.0)]:
            warmup = math.ceil(total * ratio)
            optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
            schedule = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
            rates = []
            for _ in range(total):
                rates.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            cases.append({"kind": kind, "total": total, "warmup_ratio": ratio, "peak": 3e-4, "rates": rates})
    return cases


OUTPUT.mkdir(parents=True, exist_ok=True)
for name, value in [
    ("adamw.json", [adamw(0.0, 1.0), adamw(0.1, 16.0)]),
    ("schedules.json", schedules()),
]:
    (OUTPUT / name).write_text(json.dumps(value, indent=None, separators=(",", ":")) + "\n")
