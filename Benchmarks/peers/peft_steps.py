#!/usr/bin/env python3
"""The peer to beat: Hugging Face PEFT on PyTorch, the same work as `shoal train`, measured here.

Install:  python3 -m venv VENV && VENV/bin/pip install -r Benchmarks/peers/requirements.txt   (Benchmarks/versus-peft does)
Run:      VENV/bin/python peft_steps.py --base DIR_OR_GGUF [--data FILE.jsonl] --method lora --targets all-linear
          VENV/bin/torchrun --nproc-per-node 2 peft_steps.py --ddp --threads 1 ...     (data-parallel over gloo)

Without --data it trains on random dense tokens (--batch x --seq, every token supervised); with --data on
{"prompt","completion"} rows, padded to the longest of the batch as its users' collators do, loss on completions.
Prints one JSON line: median seconds a step, tokens a second (padding not counted), peak resident memory; tokens and
seconds are those of all steps but the first.
"""
import argparse, json, os, random, resource, time
import torch

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--base"); p.add_argument("--data"); p.add_argument("--method", default="lora", choices=["lora", "partial", "full"])
p.add_argument("--targets", default="all-linear"); p.add_argument("--r", type=int, default=8); p.add_argument("--threads", type=int, default=os.cpu_count())
p.add_argument("--batch", type=int, default=4); p.add_argument("--seq", type=int, default=256); p.add_argument("--steps", type=int, default=8); p.add_argument("--ddp", action="store_true")
p.add_argument("--group-by-length", action="store_true", help="rows of like length in one batch"); p.add_argument("--compile", action="store_true"); p.add_argument("--dtype", default="float32")
a = p.parse_args()
torch.set_num_threads(a.threads); torch.manual_seed(0)
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from peft import LoraConfig, get_peft_model

tokenizer = None
if a.base:
    d, f = (os.path.dirname(a.base), {"gguf_file": os.path.basename(a.base)}) if a.base.endswith(".gguf") else (a.base, {})
    model = AutoModelForCausalLM.from_pretrained(d, dtype=getattr(torch, a.dtype), **f)
    if a.data: tokenizer = AutoTokenizer.from_pretrained(d, **f)
else:  # SmolLM2-135M's shape, random weights: speed does not depend on them
    model = LlamaForCausalLM(LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                                         vocab_size=49152, max_position_embeddings=8192, rope_theta=1e5, tie_word_embeddings=True, rms_norm_eps=1e-5)).to(getattr(torch, a.dtype))
if a.method == "lora":
    targets = a.targets if a.targets == "all-linear" else a.targets.split(",")
    model = get_peft_model(model, LoraConfig(r=a.r, lora_alpha=2 * a.r, target_modules=targets, task_type="CAUSAL_LM"))
elif a.method == "partial":
    for q in model.parameters(): q.requires_grad = False
    for q in [*model.model.layers[-2:].parameters(), *model.model.norm.parameters()]: q.requires_grad = True
trainable = [q for q in model.parameters() if q.requires_grad]
rank, world = 0, 1
if a.ddp:
    import torch.distributed as dist
    dist.init_process_group("gloo"); rank, world = dist.get_rank(), dist.get_world_size()
    model = torch.nn.parallel.DistributedDataParallel(model)
if a.compile: model = torch.compile(model, dynamic=bool(a.data))
optimizer = torch.optim.AdamW(trainable, lr=1e-4)

def batches():
    if not a.data:
        ids = torch.randint(0, 49152, (a.batch, a.seq))
        while True: yield dict(input_ids=ids, labels=ids), ids.numel()
    rows = [json.loads(l) for l in open(a.data)]
    if a.group_by_length:  # batches of rows of like length, in a random order, so that a few steps are like an epoch
        rows.sort(key=lambda r: len(r["prompt"]) + len(r["completion"]))
        groups = [rows[k:k + a.batch * world] for k in range(0, len(rows) - a.batch * world + 1, a.batch * world)]
        random.Random(0).shuffle(groups); rows = [r for g in groups for r in g]
    i = rank * a.batch
    while True:
        enc = []
        for r in (rows[(i + k) % len(rows)] for k in range(a.batch)):
            x = tokenizer(r["prompt"], add_special_tokens=False)["input_ids"]; y = tokenizer(r["completion"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
            enc.append((x + y, [-100] * len(x) + y))
        w = max(len(e[0]) for e in enc)
        pad = lambda v, f: v + [f] * (w - len(v))
        yield dict(input_ids=torch.tensor([pad(e[0], 0) for e in enc]), labels=torch.tensor([pad(e[1], -100) for e in enc]),
                   attention_mask=torch.tensor([[1] * len(e[0]) + [0] * (w - len(e[0])) for e in enc])), sum(len(e[0]) for e in enc)
        i += a.batch * world

seconds, tokens, stream = [], [], batches()
for _ in range(a.steps):
    batch, n = next(stream); t = time.time()
    model(**batch).loss.backward(); optimizer.step(); optimizer.zero_grad()
    seconds.append(time.time() - t); tokens.append(n)
total = torch.tensor(float(sum(tokens[1:])))
if a.ddp: dist.all_reduce(total)
if rank == 0:
    s = sorted(seconds[1:])
    print(json.dumps(dict(peer="peft", method=a.method, targets=a.targets, world=world, threads=a.threads, trainable=sum(q.numel() for q in trainable),
                          step_seconds_median=round(s[len(s) // 2], 4), tokens_per_second=round(total.item() / sum(s), 1),
                          tokens=int(total.item()), seconds=sum(s),
                          peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)))
