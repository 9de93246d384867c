#!/usr/bin/env python3
"""Writes Sources/Tokenizers/UnicodeTables.swift: the code points of each class a tokenizer's pattern may name.

Asks Hugging Face tokenizers (0.23.3; Oniguruma with Unicode 16, Rust's char::is_numeric) about every code point,
so that patterns mean the same here as there, whatever Unicode version the installed PCRE2 has.

    python make_unicode_ranges.py > ../../../Sources/Tokenizers/UnicodeTables.swift
"""
from tokenizers import Regex, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CLASSES = [
    ("whitespace", r"\s"),
    ("uppercaseLetter", r"\p{Lu}"),
    ("lowercaseLetter", r"\p{Ll}"),
    ("titlecaseLetter", r"\p{Lt}"),
    ("modifierLetter", r"\p{Lm}"),
    ("otherLetter", r"\p{Lo}"),
    ("mark", r"\p{M}"),
    ("decimalNumber", r"\p{Nd}"),
    ("otherNumber", r"[\p{Nl}\p{No}]"),
    ("punctuation", r"\p{P}"),
    ("symbol", r"\p{S}"),
]


def members(pattern):
    """Code points that `pattern` matches: what removing them takes away."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    rest = set()
    for start in range(0, len(CODE_POINTS), 20000):
        chunk = CODE_POINTS[start : start + 20000]
        for _, (first, last) in split.pre_tokenize_str("".join(map(chr, chunk))):
            rest.update(chunk[first:last])
    return set(CODE_POINTS) - rest


def digits():
    """Code points the Digits pre-tokenizer splits off."""
    split = pre_tokenizers.Digits(individual_digits=False)
    found = set()
    for start in range(0, len(CODE_POINTS), 2000):
        text = "a" + "a".join(map(chr, CODE_POINTS[start : start + 2000])) + "a"
        found.update(ord(p) for p, _ in split.pre_tokenize_str(text) if len(p) == 1 and p != "a")
    return found


def lines(points):
    ranges = []
    for point in sorted(points):
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    line = ""
    for first, last in ranges:
        item = f"{first:x}" if first == last else f"{first:x}-{last:x}"
        if len(line) + len(item) + 1 > 98:
            yield line
            line = ""
        line = f"{line} {item}".strip()
    if line:
        yield line


def main():
    tables = [(name, members(pattern)) for name, pattern in CLASSES]
    number = dict(tables)["decimalNumber"] | dict(tables)["otherNumber"]
    tables.append(("digitOnlyForDigits", digits() - number))
    assert not number - digits()
    print("// Made by Tests/Fixtures/scripts/make_unicode_ranges.py from tokenizers 0.23.3 (Unicode 16). Do not edit.")
    print()
    print("/// Code points of the classes patterns may name, as hexadecimal ranges.")
    print("enum UnicodeTables {")
    for index, (name, points) in enumerate(tables):
        print(("\n" if index else "") + f'    static let {name} = """')
        for line in lines(points):
            print("        " + line)
        print('        """')
    print("}")


main()
