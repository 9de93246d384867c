#!/usr/bin/env python3
"""Makes Tests/Fixtures/datasets: rows of every shape, packed files, and expected hashes and shuffles.

usage: python make_dataset_fixtures.py ../datasets
Python 3.11, standard library only. The hashes and the shuffle are computed here by a second implementation of what
RowHash.swift and StepSampler.swift document.
"""
import gzip, io, json, os, sys

out = sys.argv[1]
os.makedirs(out, exist_ok=True)

shapes = {
    "messages": [{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                               {"role": "assistant", "content": "Hello é"}], "id": 1},
                 {"messages": [{"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
                               {"role": "assistant", "content": "C"}]}],
    "conversations": [{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}],
    "promptCompletion": [{"prompt": "2+2=", "completion": " 4"}, {"prompt": "", "completion": "\U0001F600"}],
    "promptCompletionMessages": [{"prompt": [{"role": "user", "content": "Hi"}],
                                  "completion": [{"role": "assistant", "content": "Hello"}]}],
    "instruction": [{"instruction": "Add.", "input": "2 3", "output": "5", "text": "ignored"},
                    {"instruction": "Greet.", "output": "Hi"}, {"instruction": "Greet.", "input": None, "output": "Hi"}],
    "text": [{"text": "Once upon a time."}, {"text": "The end."}],
    "textLabel": [{"text": "good", "label": "pos"}, {"text": "bad", "label": 0}, {"text": "so", "label": True}],
}
for name, rows in shapes.items():
    with open(os.path.join(out, name + ".jsonl"), "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def packed(text):
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


rows = "".join(json.dumps({"prompt": f"q{i}", "completion": f" a{i}"}) + "\n" for i in range(300))
middle = rows.index("\n", len(rows) // 2) + 5  # inside a row: members need not end with a line
with open(os.path.join(out, "two-members.jsonl.gz"), "wb") as file:
    file.write(packed(rows[:middle]) + packed(rows[middle:]))
with open(os.path.join(out, "cut.jsonl.gz"), "wb") as file:
    file.write(packed(rows)[:-200])
with open(os.path.join(out, "not-packed.jsonl.gz"), "w") as file:
    file.write('{"text": "plain"}\n')

MASK = (1 << 64) - 1


def row_hash(data):
    h = 0xCBF29CE484222325
    for byte in data.strip(b" \t\r\n"):
        h = ((h ^ byte) * 0x100000001B3) & MASK
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & MASK
    return h ^ (h >> 31)


def philox(key, counter):
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    x = list(counter)
    for round_number in range(10):
        if round_number:
            k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
        p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(p1 >> 32) ^ x[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ x[3] ^ k1, p0 & 0xFFFFFFFF]
    return x


def shuffled(count, seed, epoch):
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        block = philox(seed, [2 << 24, epoch, i, 0])
        j = ((block[1] << 32 | block[0]) * (i + 1)) >> 64
        order[i], order[j] = order[j], order[i]
    return order


texts = ["", "a", " a\t\r", '{"text": "Once upon a time."}', '{"text": "é"}', "x" * 1000]
golden = {
    "hashes": [{"text": text, "hash": str(row_hash(text.encode()))} for text in texts],
    "shuffles": [{"count": c, "seed": str(s), "epoch": e, "order": shuffled(c, s, e)}
                 for c, s, e in [(1, 42, 0), (2, 42, 0), (10, 42, 0), (10, 42, 1), (33, 2**64 - 1, 7), (100, 2**40 + 5, 0)]],
}
with open(os.path.join(out, "expected.json"), "w") as file:
    json.dump(golden, file, indent=1)
    file.write("\n")
