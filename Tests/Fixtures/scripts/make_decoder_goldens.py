#!/usr/bin/env python3
"""Golden values of tiny causal decoders with LoRA, from Hugging Face's own implementations.

Versions: torch 2.13.0+cpu, transformers 5.23.0, peft 0.21.2, safetensors (Python 3.11).
Command:  python make_decoder_goldens.py ../decoders [NAME...]

Per model: config.json, model.safetensors (base, Float32), golden.safetensors (LoRA tensors, logits, gradients, ten
steps) and golden.json (token ids, losses, gradient norms).
"""

import json
import pathlib
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

COMMON = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, vocab_size=96,
              max_position_embeddings=256, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2)

GPT2 = dict(n_embd=32, n_layer=2, n_head=4, vocab_size=96, n_positions=256, bos_token_id=1, eos_token_id=2)

MODELS = {
    # grouped-query attention, tied head, rope_scaling of Llama 3 that reaches all three of its ranges
    "llama3-tied": (LlamaForCausalLM, LlamaConfig(
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
        rope_parameters={"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64}, **COMMON)),
    # multi-head attention, a head of its own, head_dim that is not hidden ÷ heads
    "llama-untied": (LlamaForCausalLM, LlamaConfig(
        num_attention_heads=2, num_key_value_heads=2, head_dim=8, tie_word_embeddings=False, **COMMON)),
    # biases of q, k and v
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(
        num_attention_heads=4, num_key_value_heads=1, tie_word_embeddings=False, **COMMON)),
    # weights [in, out], learned positions, LayerNorm, GELU by tanh, tied head
    "gpt2": (GPT2LMHeadModel, GPT2Config(**GPT2)),
    # GELU by erf, an inner size of its own, a head of its own
    "gpt2-untied": (GPT2LMHeadModel, GPT2Config(
        activation_function="gelu", n_inner=48, tie_word_embeddings=False, **GPT2)),
    # norms of each head's queries and keys, head_dim that is not hidden ÷ heads
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(
        num_attention_heads=4, num_key_value_heads=2, head_dim=12, tie_word_embeddings=True, **COMMON)),
}

LORA = dict(r=4, lora_alpha=8, target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM")
STEPS, LEARNING_RATE = 10, 5e-3


def sequences(generator, lengths):
    """Token ids and targets (-100: none); the first third of each is a prompt without targets."""
    ids = [torch.randint(3, 96, (n,), generator=generator) for n in lengths]
    targets = []
    for row in ids:
        target = torch.cat([row[1:], torch.tensor([2])])
        target[: len(row) // 3] = -100
        targets.append(target)
    return ids, targets


def loss_sum(model, ids, targets):
    """Σ −log p(target) over the sequences, each on its own (no padding, no leaks)."""
    total = 0
    for row, target in zip(ids, targets):
        logits = model(input_ids=row[None]).logits[0]
        total = total + torch.nn.functional.cross_entropy(logits, target, ignore_index=-100, reduction="sum")
    return total


def adapter_tensors(model, grad=False):
    """LoRA tensors under PEFT's names on disk."""
    return {name.replace(".default", ""): (p.grad if grad else p).detach().clone()
            for name, p in model.named_parameters() if p.requires_grad}


def main():
    root = pathlib.Path(sys.argv[1])
    for index, (name, (kind, config)) in enumerate(MODELS.items()):
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(100 + index)
        generator = torch.Generator().manual_seed(200 + index)
        config._attn_implementation = "eager"
        base = kind(config).float().eval()
        for parameter_name, p in base.named_parameters():
            with torch.no_grad():
                if parameter_name.endswith("norm.weight") or ("ln_" in parameter_name and parameter_name.endswith("weight")):
                    p.copy_(1 + 0.2 * torch.randn(p.shape, generator=generator))
                else:
                    p.copy_(0.2 * torch.randn(p.shape, generator=generator))
        base.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)

        model = get_peft_model(base, LoraConfig(**LORA)).float().eval()
        initial = adapter_tensors(model)  # PEFT's own: A random, B zero

        # 1. Logits, loss and every gradient with B ≠ 0; 140 tokens cross the tile of attention
        with torch.no_grad():
            for parameter_name, p in model.named_parameters():
                if "lora_B" in parameter_name:
                    p.copy_(0.1 * torch.randn(p.shape, generator=generator))
        ids, targets = sequences(generator, [7, 1, 140, 12])
        tensors = {f"adapter.{k}": v for k, v in adapter_tensors(model).items()}
        with torch.no_grad():
            tensors["logits"] = torch.cat([model(input_ids=row[None]).logits[0] for row in ids])[-24:].contiguous()
        loss = loss_sum(model, ids, targets)
        loss.backward()
        tensors |= {f"gradient.{k}": v for k, v in adapter_tensors(model, grad=True).items()}
        golden = {"ids": [row.tolist() for row in ids], "targets": [row.tolist() for row in targets],
                  "lossSum": loss.item(), "learningRate": LEARNING_RATE, "steps": []}

        # 2. Ten steps of AdamW from PEFT's initial adapter, token-weighted mean, clipping at 1.0
        with torch.no_grad():
            for parameter_name, p in model.named_parameters():
                if p.requires_grad:
                    p.copy_(initial[parameter_name.replace(".default", "")])
        tensors |= {f"initial.{k}": v for k, v in initial.items()}
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
        for _ in range(STEPS):
            ids, targets = sequences(generator, [9, 5, 14])
            count = sum(int((t != -100).sum()) for t in targets)
            optimizer.zero_grad()
            loss = loss_sum(model, ids, targets) / count
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            golden["steps"].append({"ids": [row.tolist() for row in ids], "targets": [t.tolist() for t in targets],
                                    "loss": loss.item(), "gradientNorm": norm.item()})
        tensors |= {f"final.{k}": v for k, v in adapter_tensors(model).items()}
        save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
        (folder / "golden.json").write_text(json.dumps(golden) + "\n")


main()
