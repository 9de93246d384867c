"""Golden values for Sources/Adapters: what PEFT adapts, and a directory that PEFT saved.

Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0+cpu.
Run: python make_peft_goldens.py ../peft
"""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

OUTPUT = Path(sys.argv[1])


def tiny_llama():
    torch.manual_seed(0)
    return LlamaForCausalLM(
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


def modules():
    """Every linear module of the tiny Llama, in the order of the forward pass."""
    model = tiny_llama()
    return [
        {
            "name": name,
            "input_count": module.in_features,
            "output_count": module.out_features,
            "is_output_head": name == "lm_head",
        }
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]


def placement(**options):
    """r and scaling of each module that PEFT adapts under `options`."""
    model = get_peft_model(tiny_llama(), LoraConfig(task_type="CAUSAL_LM", **options))
    adapted = []
    for name, module in model.base_model.model.named_modules():
        if hasattr(module, "lora_A") and "default" in module.lora_A:
            adapted.append({"name": name, "r": module.r["default"], "scaling": module.scaling["default"]})
    # As text, since the order of the patterns counts.
    return {"configuration": json.dumps({"peft_type": "LORA", **options}), "adapted": adapted}


def saved(directory, **options):
    """A directory PEFT saved, with B away from zero."""
    torch.manual_seed(5)
    model = get_peft_model(tiny_llama(), LoraConfig(task_type="CAUSAL_LM", **options))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(directory)
    (directory / "README.md").unlink()


CASES = [
    dict(r=4, lora_alpha=8, target_modules="all-linear"),
    dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    dict(r=4, lora_alpha=8, target_modules=["mlp.down_proj", "model.layers.1.self_attn.o_proj", "lm_head"]),
    dict(r=4, lora_alpha=6, target_modules=r".*\.(0|2)\.self_attn\.[qk]_proj"),
    dict(r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], layers_to_transform=[0, 2]),
    dict(r=4, lora_alpha=8, target_modules=["q_proj"], layers_to_transform=1, layers_pattern="layers"),
    dict(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "model.layers.0.mlp.up_proj"],
        layers_to_transform=[2],
    ),
    dict(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "v_proj", "down_proj"],
        rank_pattern={"q_proj": 2, "layers.1.mlp.down_proj": 3, r"layers\.[02]\..*": 5},
        alpha_pattern={"model.layers.0.self_attn.v_proj": 32, "proj": 1},
    ),
    dict(r=9, lora_alpha=12, target_modules=["o_proj"], use_rslora=True, exclude_modules=["layers.0.self_attn.o_proj"]),
    dict(r=4, lora_alpha=8, target_modules=["gate_proj", "k_proj"], exclude_modules=r".*\.1\..*"),
]

OUTPUT.mkdir(parents=True, exist_ok=True)
(OUTPUT / "placements.json").write_text(
    json.dumps({"modules": modules(), "cases": [placement(**case) for case in CASES]}, indent=1) + "\n"
)
saved(
    OUTPUT / "saved",
    r=3,
    lora_alpha=7,
    lora_dropout=0.05,
    target_modules=["q_proj", "down_proj"],
    layers_to_transform=[0, 2],
    rank_pattern={"down_proj": 2},
)
