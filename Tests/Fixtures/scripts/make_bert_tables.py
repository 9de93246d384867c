#!/usr/bin/env python3
"""Writes Sources/Tokenizers/BertTables.swift: what BERT's normaliser and pre-tokenizer do with each code point.

Asks Hugging Face tokenizers (0.23.3) about every code point, so that ids agree whatever Unicode version Swift has.

    python make_bert_tables.py > ../../../Sources/Tokenizers/BertTables.swift
"""
from tokenizers import normalizers, pre_tokenizers

SCALARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
NFD = normalizers.NFD().normalize_str


def normalizer(**flags):
    names = ["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"]
    return normalizers.BertNormalizer(**{name: flags.get(name, False) for name in names}).normalize_str


def lines(items):
    line = ""
    for item in items:
        if len(line) + len(item) + 1 > 98:
            yield line
            line = ""
        line = f"{line} {item}".strip()
    if line:
        yield line


def ranges(points):
    found = []
    for point in sorted(points):
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return [f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in found]


def table(name, comment, items):
    print(f"    /// {comment}")
    print(f'    static let {name} = """')
    for line in lines(items):
        print("        " + line)
    print('        """')


def main():
    clean, chinese = normalizer(clean_text=True), normalizer(handle_chinese_chars=True)
    strip, lower = normalizer(strip_accents=True), normalizer(lowercase=True)
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    pieces = {c: [p for p, _ in split("a" + c + "a")] for c in SCALARS}
    print("// Made by Tests/Fixtures/scripts/make_bert_tables.py from tokenizers 0.23.3. Do not edit.")
    print()
    print("/// Code points BERT's normaliser and pre-tokenizer treat apart, as hexadecimal ranges.")
    print("enum BertTables {")
    table("removed", "Cleaning takes them away.", ranges(ord(c) for c in SCALARS if clean("a" + c + "a") == "aa"))
    print()
    table("spaces", "Cleaning makes them spaces.", ranges(ord(c) for c in SCALARS if clean(c) == " "))
    print()
    table("ideographs", "They get a space on either side.", ranges(ord(c) for c in SCALARS if chinese(c) == f" {c} "))
    print()
    table("nonspacingMarks", "Stripping accents takes them away.",
          ranges(ord(c) for c in SCALARS if NFD(c) == c and strip("a" + c) == "a"))
    print()
    table("whitespace", "Words end at them.", ranges(ord(c) for c in SCALARS if pieces[c] == ["a", "a"]))
    print()
    table("punctuation", "They are words of their own.", ranges(ord(c) for c in SCALARS if pieces[c] == ["a", c, "a"]))
    print()
    # Runs of code points that move by the same distance; some become several.
    moves, rest = [], []
    for c in SCALARS:
        small = lower(c)
        if small == c:
            continue
        if len(small) == 1:
            distance = ord(small) - ord(c)
            if moves and moves[-1][1] == ord(c) - 1 and moves[-1][2] == distance:
                moves[-1][1] = ord(c)
            else:
                moves.append([ord(c), ord(c), distance])
        else:
            rest.append(f"{ord(c):x}=" + "+".join(f"{ord(s):x}" for s in small))
    table("lowercase", "First code point, last, and the distance in decimal to their small letters.",
          [f"{first:x}-{last:x}:{distance}" for first, last, distance in moves])
    print()
    table("lowercaseSequences", "Code points whose small letter is several.", rest)
    print("}")


main()
