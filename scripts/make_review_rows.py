#!/usr/bin/env python3
"""Writes prompt and completion rows from the rated reviews in the vaderSentiment 3.3.2 source package.

usage: make_review_rows.py vaderSentiment-3.3.2.tar.gz OUT

The package holds sentences of movie and product reviews with the mean rating of ten or more people, -4 to 4
(Hutto & Gilbert, ICWSM 2014). A sentence that people rated within 1 of neutral is left out; so is a repeat.
OUT/reviews.train.jsonl and OUT/reviews.valid.jsonl get rows like

    {"prompt": "Review: it's easy to use.\\nSentiment:", "completion": " positive"}

The order is by hash of the text, a shuffle that is the same everywhere, and the first tenth is held out.
Standard library only.
"""
import hashlib
import html
import io
import json
import sys
import tarfile
from pathlib import Path

INNER_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
SOURCES = ("movieReviewSnippets", "amazonReviewSnippets")
NEUTRAL_BELOW = 1.0
SHORTEST = 12
HELD_OUT = 0.1


def unit_hash(text):
    """A number in [0, 1) that depends on the text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16.0**12


def rated_reviews(package):
    """Yields (text, is_positive) in the order of the package's files."""
    with tarfile.open(package) as outer:
        inner_bytes = outer.extractfile(INNER_ARCHIVE).read()
    with tarfile.open(fileobj=io.BytesIO(inner_bytes)) as inner:
        for source in SOURCES:
            lines = inner.extractfile(f"hutto_ICWSM_2014/{source}_GroundTruth.txt").read().decode("utf-8")
            for line in lines.splitlines():
                fields = line.split("\t")
                if len(fields) != 3:
                    continue
                rating = float(fields[1])
                text = " ".join(html.unescape(fields[2]).replace("''", '"').split())
                if abs(rating) >= NEUTRAL_BELOW and len(text) >= SHORTEST:
                    yield text, rating > 0


def shuffled_without_repeats(reviews):
    """First of each text (letter case aside), ordered by hash."""
    first = {}
    for text, is_positive in reviews:
        first.setdefault(text.lower(), (text, is_positive))
    return sorted(first.values(), key=lambda row: (unit_hash(row[0].lower()), unit_hash(row[0])))


def write_rows(path, reviews):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for text, is_positive in reviews:
            row = {
                "prompt": f"Review: {text}\nSentiment:",
                "completion": " positive" if is_positive else " negative",
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{path}: {len(reviews)} rows")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    package, out = sys.argv[1], Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    reviews = shuffled_without_repeats(rated_reviews(package))
    held_out = max(1, int(len(reviews) * HELD_OUT))
    write_rows(out / "reviews.train.jsonl", reviews[held_out:])
    write_rows(out / "reviews.valid.jsonl", reviews[:held_out])


if __name__ == "__main__":
    main()
