#!/usr/bin/env python3
"""A tiny BERT, DistilBERT or RoBERTa with its tokenizer, and golden values of it with LoRA from transformers and PEFT.

Versions: torch 2.13.0+cpu, transformers 5.23.0, peft 0.21.2, tokenizers 0.23.3, safetensors (Python 3.11).
Command:  for family in bert distilbert roberta; do python make_bert_goldens.py $family ../tiny-$family ../$family; done

tiny-FAMILY/        the base: config.json, model.safetensors (…ForPreTraining, …ForMaskedLM), tokenizer.json, vocab.txt
FAMILY/NAME/        golden.safetensors (LoRA and head, logits, gradients, ten steps) and golden.json, for
                    classification (task_type SEQ_CLS) and mlm
FAMILY/run/         ten steps of PEFT on rows.jsonl: initial/, final/ (as PEFT saves them) and expected.json
"""

import json
import random
import shutil
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy
from transformers import (AutoModelForMaskedLM, AutoModelForSequenceClassification, BertConfig, BertForPreTraining,
                          DistilBertConfig, DistilBertForMaskedLM, RobertaConfig, RobertaForMaskedLM,
                          get_linear_schedule_with_warmup)

WORDS = "the a good bad film plot actor story ending funny dull sharp slow bright never always left was is it".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GOOD, BAD = {"good", "funny", "sharp", "bright"}, {"bad", "dull", "slow", "left"}
LABELS = ["bad", "good", "mixed"]
FAMILY = sys.argv[1]
# Modules of the head that a base has not; PEFT by itself names `classifier`, `score`.
SAVED = ["pre_classifier", "classifier"] if FAMILY == "distilbert" else None
STEPS, BATCH, RATE, WARMUP, LENGTH = 10, 8, 5e-3, 0.2, 64


def make_byte_tokenizer(folder):
    """RoBERTa's: pairs of bytes, <s> and </s> around a text, a mask that takes the space before it along."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        [" " + word for word in WORDS for _ in range(2)],
        trainers.BpeTrainer(vocab_size=320, special_tokens=special, show_progress=False,
                            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(
        sep=("</s>", 2), cls_token=("<s>", 0), trim_offsets=True, add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "RobertaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>",
        "model_max_length": LENGTH}, indent=2) + "\n")
    return tokenizer, tokenizer.get_vocab_size()


def make_tokenizer(folder):
    if FAMILY == "roberta":
        return make_byte_tokenizer(folder)
    letters = [chr(ord("a") + i) for i in range(26)]
    vocabulary = SPECIAL + [".", ",", "!", ":"] + letters + ["##" + letter for letter in letters] + WORDS[:1] + WORDS[2:]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    ids = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "unk_token": "[UNK]", "sep_token": "[SEP]",
        "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]", "model_max_length": LENGTH}, indent=2) + "\n")
    return tokenizer, len(vocabulary)


def make_base(folder, size):
    torch.manual_seed(31)
    generator = torch.Generator().manual_seed(32)
    if FAMILY == "bert":
        base = BertForPreTraining(BertConfig(
            vocab_size=size, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=LENGTH, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    elif FAMILY == "distilbert":
        base = DistilBertForMaskedLM(DistilBertConfig(
            vocab_size=size, dim=16, hidden_dim=24, n_layers=2, n_heads=2, max_position_embeddings=LENGTH, dropout=0.0,
            attention_dropout=0.0, seq_classif_dropout=0.0))
    else:
        base = RobertaForMaskedLM(RobertaConfig(
            vocab_size=size, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=LENGTH + 2, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    base = base.float().eval()
    with torch.no_grad():
        for name, p in base.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            # Large enough that the first token depends on the others.
            p.copy_(1 + 0.2 * noise if "norm.weight" in name.lower() else 0.35 * noise)
    base.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def trained_tensors(model, grad=False):
    """What is trained under PEFT's names on disk."""
    return {name.replace(".default", "").replace("modules_to_save.", ""): (p.grad if grad else p).detach().clone()
            for name, p in model.named_parameters() if p.requires_grad}


def classified(generator, lengths, size):
    first, last = (0, 2) if FAMILY == "roberta" else (2, 3)
    ids = [torch.cat([torch.tensor([first]), torch.randint(5, size, (n,), generator=generator), torch.tensor([last])])
           for n in lengths]
    if FAMILY == "roberta":
        ids[-1][4] = 1  # padding, which positions pass over, within a text
    targets = []
    for row in ids:
        target = torch.full_like(row, -100)
        target[0] = torch.randint(0, len(LABELS), (1,), generator=generator)
        targets.append(target)
    return ids, targets


def masked(generator, lengths, size):
    ids, targets = classified(generator, lengths, size)
    for row, target in zip(ids, targets):
        target[0] = -100
        places = 1 + torch.randperm(len(row) - 2, generator=generator)[: max(1, len(row) // 5)]
        target[places] = row[places]
        row[places] = size - 1 if FAMILY == "roberta" else 4
    return ids, targets


def loss_sum(model, ids, targets):
    """Σ −log p(target) over the sequences, each on its own (no padding, no leaks)."""
    total = 0
    for row, target in zip(ids, targets):
        logits = model(input_ids=row[None]).logits[0]
        if logits.dim() == 1:
            total = total + cross_entropy(logits[None], target[:1], reduction="sum")
        else:
            total = total + cross_entropy(logits, target, ignore_index=-100, reduction="sum")
    return total


def golden_of(kind, task, draw, base, folder, seed, size):
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 1)
    options = {"num_labels": len(LABELS)} if task else {}
    model = kind.from_pretrained(base, dtype=torch.float32, attn_implementation="eager", **options)
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type=task,
                                             modules_to_save=SAVED if task else None)).eval()
    initial = trained_tensors(model)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))
            if "modules_to_save" in name:
                p.copy_(torch.randn(p.shape, generator=generator))
    ids, targets = draw(generator, [5, 1, 60, 11], size)
    tensors = {f"adapter.{k}": v for k, v in trained_tensors(model).items()}
    loss = loss_sum(model, ids, targets)
    loss.backward()
    tensors |= {f"gradient.{k}": v for k, v in trained_tensors(model, grad=True).items()}
    golden = {"ids": [row.tolist() for row in ids], "targets": [row.tolist() for row in targets],
              "lossSum": loss.item(), "learningRate": RATE, "steps": []}
    with torch.no_grad():
        logits = [model(input_ids=row[None]).logits[0] for row in ids]
        golden["predicted"] = [row.argmax(-1).flatten()[0].item() for row in logits] if task else []
        for name, p in model.named_parameters():
            if p.requires_grad:
                p.copy_(initial[name.replace(".default", "").replace("modules_to_save.", "")])
    tensors |= {f"initial.{k}": v for k, v in initial.items()}
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    for _ in range(STEPS):
        ids, targets = draw(generator, [9, 5, 14], size)
        optimizer.zero_grad()
        loss = loss_sum(model, ids, targets) / sum(int((t != -100).sum()) for t in targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        golden["steps"].append({"ids": [row.tolist() for row in ids], "targets": [t.tolist() for t in targets],
                                "loss": loss.item(), "gradientNorm": norm.item()})
    tensors |= {f"final.{k}": v for k, v in trained_tensors(model).items()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


def make_rows():
    draw = random.Random(7)
    for _ in range(28):
        words = " ".join(draw.choice(WORDS) for _ in range(draw.randint(3, 24)))
        tone = sum((word in GOOD) - (word in BAD) for word in words.split())
        yield {"text": words.capitalize() + ".", "label": LABELS[1 if tone > 0 else 0 if tone < 0 else 2]}


def run(base, tokenizer, folder):
    """A whole run: rows in order, eight a step, an epoch's last batch smaller; mean loss of the rows of a step."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = list(make_rows())
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    torch.manual_seed(3)

    def open_base():
        return AutoModelForSequenceClassification.from_pretrained(base, dtype=torch.float32, num_labels=len(LABELS))

    def losses_of(model, rows):
        return torch.stack([
            cross_entropy(model(input_ids=torch.tensor([tokenizer.encode(row["text"]).ids])).logits,
                          torch.tensor([LABELS.index(row["label"])])) for row in rows])

    model = get_peft_model(open_base(), LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, task_type="SEQ_CLS",
        modules_to_save=SAVED))
    with torch.no_grad():  # a head that tells the rows apart from the start
        for name, p in model.named_parameters():
            if "modules_to_save" in name:
                p.copy_(torch.randn(p.shape))
    model.save_pretrained(folder / "initial")
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.dim() > 1]
    plain = [p for p in trained if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=RATE)
    schedule = get_linear_schedule_with_warmup(optimizer, round(STEPS * WARMUP), STEPS)
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    losses, norms = [], []
    for step in range(STEPS):
        loss = losses_of(model, batches[step % len(batches)]).mean()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
        losses.append(loss.item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.save_pretrained(folder / "final")
    again = PeftModel.from_pretrained(open_base(), folder / "final").eval()
    with torch.no_grad():
        final = losses_of(again, rows)
        predicted = [again(input_ids=torch.tensor([tokenizer.encode(row["text"]).ids])).logits.argmax().item()
                     for row in rows]
    right = [LABELS[p] == row["label"] for p, row in zip(predicted, rows)]
    expected = {"losses": losses, "norms": norms, "final_loss": final.mean().item(), "predicted": predicted,
                "accuracy": sum(right) / len(right)}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for name in ("initial", "final"):
        (folder / name / "README.md").unlink(missing_ok=True)


def main():
    base, output = Path(sys.argv[2]), Path(sys.argv[3])
    base.mkdir(parents=True, exist_ok=True)
    tokenizer, size = make_tokenizer(base)
    make_base(base, size)
    golden_of(AutoModelForSequenceClassification, "SEQ_CLS", classified, base, output / "classification", 41, size)
    golden_of(AutoModelForMaskedLM, None, masked, base, output / "mlm", 51, size)
    run(base, tokenizer, output / "run")


main()
