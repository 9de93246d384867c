#!/usr/bin/env python3
"""Writes the examples' rows: the samples in Examples/, larger ones, and the text that Examples/tiny-base is made from.

usage: make_rows.py samples PACKAGES EXAMPLES    EXAMPLES/*/{train,valid}.jsonl, small and free of anybody's rights
       make_rows.py large PACKAGES OUT           OUT/{support,translation,sentiment,tutor}.{train,valid}.jsonl
       make_rows.py corpus PACKAGES OUT          OUT/{text,chat}.train.jsonl and what is held out of each source:
                                                 OUT/{novels,english,spanish,jargon}.valid.jsonl

PACKAGES is what scripts/fetch-example-data downloaded. Rows come in an order by hash, a shuffle that is the same on
every machine. What is held out depends on a text alone (of a Bible: on the chapter), so that the base has not seen what
an example holds out. Standard library only.
"""
import hashlib
import json
import sys
from pathlib import Path

import own_texts
import packages

sys.path.append(str(Path(__file__).resolve().parent.parent))
import make_review_rows

HELD_OUT = 0.05
LONGEST_LESSON = 800
MOST = (None, 200)
ASK = {"es": "Translate to Spanish: ", "en": "Translate to English: "}
QUESTION = "Is this review positive or negative? "
SUPPORT_TOPICS = ["tech_support", "conversations", "greetings", "emotion", "health", "money", "food", "computers"]
TUTOR_TOPICS = ["trivia", "science", "history", "literature", "politics", "computers", "money", "coding", "ai"]
# The system message that SmolLM2's chat template puts before a conversation that has none.
SMOLLM2_SYSTEM = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n")


def unit_hash(text):
    """A number in [0, 1) that depends on the text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16.0**12


def is_held_out(key, share=HELD_OUT):
    return unit_hash("held out: " + key) < share


def write(path, rows, most=None):
    """Writes rows, each once, ordered by hash; the first `most` of them."""
    lines = sorted({json.dumps(row, ensure_ascii=False) for row in rows}, key=unit_hash)[:most]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
    print(f"{path}: {len(lines)} rows, {path.stat().st_size} bytes")


def write_parts(prefix, keyed_rows, most=(None, None), share=HELD_OUT):
    """PREFIXtrain.jsonl and PREFIXvalid.jsonl from (key, row), at most so many rows; the key decides which.

    - share: how much is held out.
    """
    parts = {"train": [], "valid": []}
    for key, row in keyed_rows:
        parts["valid" if is_held_out(key, share) else "train"].append(row)
    for (name, rows), count in zip(parts.items(), most):
        write(f"{prefix}{name}.jsonl", rows, count)


def chat(*turns):
    """A row of messages; the customer begins."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]}


def verse_pairs(folder, longest):
    """(chapter, English, Spanish) of verses of like length, from chapters that both Bibles count alike."""
    english, spanish = packages.verses(folder, "sword-text-web"), packages.verses(folder, "sword-text-sparv")

    def counts(verses):
        last = {}
        for book, chapter, number in verses:
            last[book, chapter] = max(number, last.get((book, chapter), 0))
        return last

    of_english, of_spanish = counts(english), counts(spanish)
    for (book, chapter, number), text in english.items():
        other = spanish.get((book, chapter, number))
        if other and of_english[book, chapter] == of_spanish[book, chapter]:
            if 15 <= len(text) <= longest and 0.6 <= len(other) / len(text) <= 1.6:
                yield f"{book} {chapter}", text, other


def both_ways(pairs):
    for key, english, spanish in pairs:
        yield key, chat(ASK["es"] + english, spanish)
        yield key, chat(ASK["en"] + spanish, english)


def sentiment(reviews, system=""):
    """Rows of prompt and completion that spell ChatML out, so that `shoal eval` can compare the two answers."""
    for text, label in reviews:
        prompt = f"{system}<|im_start|>user\n{QUESTION}{text}<|im_end|>\n<|im_start|>assistant\n"
        yield text, {"prompt": prompt, "completion": label}


def definitions(folder):
    for term, body in packages.jargon(folder):
        if 40 <= len(body[0]) <= 600:
            yield f"jargon {term}", chat(f'What does "{term}" mean in hacker slang?', body[0])


def samples(folder, out):
    write_parts(f"{out}/dialogue/", ((" ".join(t), chat(*t)) for t in own_texts.support(2400)), (1000, 100))
    write_parts(f"{out}/translation/", both_ways(verse_pairs(folder, 80)), (2400, 200))
    write_parts(f"{out}/sentiment/", sentiment(own_texts.reviews(2400)), (1000, 100))
    write_parts(f"{out}/tutoring/", ((p, chat(p, s)) for p, s in own_texts.sums(2400)), (1000, 100))


def large(folder, out):
    topics = packages.chatterbot(folder)
    talks = [turns for topic in SUPPORT_TOPICS for turns in topics[topic]] + [*map(list, packages.questions(folder))]
    write_parts(f"{out}/support.", ((turns[0], chat(*turns[: len(turns) // 2 * 2])) for turns in talks), MOST, share=0.15)
    catalogs = packages.catalogs(folder, ["apt", "dpkg", "coreutils", "git"])
    messages = [(a, a, b) for a, b in catalogs if 12 <= len(a) <= 160 and " " in a and a[0] not in "-%"]
    write_parts(f"{out}/translation.", both_ways([*verse_pairs(folder, 200), *messages]), MOST)
    reviews = make_review_rows.rated_reviews(packages.package(folder, "vaderSentiment-3.3.2.tar.gz"))
    labelled = ((text, "positive" if is_positive else "negative") for text, is_positive in reviews)
    write_parts(f"{out}/sentiment.", sentiment(labelled, SMOLLM2_SYSTEM), MOST)
    lessons = [tuple(turns[:2]) for topic in TUTOR_TOPICS for turns in topics[topic]] + [*packages.problems(folder)]
    keyed = [(question, chat(question, answer)) for question, answer in lessons if len(question + answer) <= LONGEST_LESSON]
    write_parts(f"{out}/tutor.", keyed + [*definitions(folder)], MOST)


def passages(parts, longest=1000):
    """Parts joined by empty lines to texts of about `longest` characters."""
    current = ""
    for part in parts:
        if current and len(current) + len(part) > longest:
            yield current
            current = ""
        current = f"{current}\n\n{part}" if current else part
    if current:
        yield current


def chapters(verses):
    found = {}
    for (book, chapter, _), text in verses.items():
        found.setdefault(f"{book} {chapter}", []).append(text)
    return found


def corpus(folder, out):
    """Passages of each source. Of one in eight, the halves become a message and its answer, so that the base knows the
    marks of a chat."""
    sources = {"novels": [(text, text) for parts in packages.novels(folder).values() for text in passages(parts)]}
    for name, module in (("english", "sword-text-web"), ("spanish", "sword-text-sparv")):
        in_chapters = chapters(packages.verses(folder, module))
        sources[name] = [(key, text) for key, parts in in_chapters.items() for text in passages(parts)]
    sources["jargon"] = [(f"jargon {term}", f"{term}: " + "\n\n".join(body)) for term, body in packages.jargon(folder)]
    texts, chats = [], []
    for name, keyed in sources.items():
        write(out / f"{name}.valid.jsonl", ({"text": text} for key, text in keyed if is_held_out(key)))
        for key, text in keyed:
            if is_held_out(key):
                continue
            halves = text.split("\n\n")
            middle = len(halves) // 2
            if middle and unit_hash("chat: " + text) < 1 / 8:
                chats.append(chat("\n\n".join(halves[:middle]), "\n\n".join(halves[middle:])))
            else:
                texts.append({"text": text})
    write(out / "text.train.jsonl", texts)
    write(out / "chat.train.jsonl", chats)


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("samples", "large", "corpus"):
        sys.exit(__doc__)
    globals()[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))


main()
