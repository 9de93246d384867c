#!/usr/bin/env python3
"""Writes Sources/Tokenizers/NormalizationTables.swift: canonical decompositions and combining classes.

Only those Hugging Face tokenizers (0.23.3, Unicode 9) knows are kept, so that NFC gives what it gives there; the
decompositions' steps and the classes' numbers are Python 3.11's (Unicode 14).

    python make_normalization_tables.py > ../../../Sources/Tokenizers/NormalizationTables.swift
"""
import unicodedata

from tokenizers import normalizers

NFC, NFD = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
SCALARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def has_class(scalar):
    """Whether tokenizers moves the mark to its place among others."""
    number = unicodedata.combining(scalar)
    if number == 0:
        return False
    return NFD("\u0345" + scalar) == scalar + "\u0345" if number < 240 else NFD(scalar + "\u0316") == "\u0316" + scalar


def wrap(name, comment, items):
    print(f"    /// {comment}")
    print(f'    static let {name} = """')
    line = ""
    for item in items:
        if len(line) + len(item) + 1 > 98:
            print("        " + line)
            line = ""
        line = f"{line} {item}".strip()
    print("        " + line)
    print('        """')


def main():
    decompositions = []
    for scalar in SCALARS:
        if 0xAC00 <= ord(scalar) <= 0xD7A3 or NFD(scalar) == scalar:
            continue
        step = unicodedata.decomposition(scalar)
        assert step and "<" not in step and NFD(scalar) == unicodedata.normalize("NFD", scalar), hex(ord(scalar))
        parts = "+".join(f"{int(part, 16):x}" for part in step.split())
        decompositions.append(f"{ord(scalar):x}={parts}" + ("" if NFC(NFD(scalar)) == scalar else "!"))
    classes = []
    for scalar in SCALARS:
        if has_class(scalar):
            number = unicodedata.combining(scalar)
            if classes and classes[-1][1] == ord(scalar) - 1 and classes[-1][2] == number:
                classes[-1][1] = ord(scalar)
            else:
                classes.append([ord(scalar), ord(scalar), number])
    print("// Made by Tests/Fixtures/scripts/make_normalization_tables.py from tokenizers 0.23.3. Do not edit.")
    print()
    print("/// Canonical decompositions and combining classes, in hexadecimal.")
    print("enum NormalizationTables {")
    wrap("decompositions", "One step of each decomposition; `!` marks those that are not composed again.", decompositions)
    print()
    wrap("combiningClasses", "Ranges of marks with one combining class.", [f"{a:x}-{b:x}:{n:x}" for a, b, n in classes])
    print("}")


main()
