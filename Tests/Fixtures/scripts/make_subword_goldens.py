#!/usr/bin/env python3
"""Makes the SentencePiece and WordPiece part of Tests/Fixtures/tokenizers/: small models and their ids.

Needs tokenizers 0.23.3, sentencepiece 0.1.99 (which breaks ties as Debian's 0.1.97 does; 0.2 breaks some otherwise),
protobuf 3.20, Python 3.11. Run in Tests/Fixtures/scripts:

    python make_subword_goldens.py [--suites FOLDER]

--suites  what scripts/fetch-tokenizer-suites --all printed: writes the ids of Mistral's and MiniLM's vocabularies instead,
          which are not committed themselves
"""
import argparse, io, json, pathlib, random, re, tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import hard_strings
from make_tokenizer_goldens import OUTPUT, corpus, goldens, texts, write_gzip

# A few replacements instead of the 240 KB of nmt_nfkc: ligatures, full-width letters, composed accents, spaces.
RULES = {"ﬁ": "fi", "ﬂ": "fl", "Ａ": "A", "ａ": "a", "１": "1", "e\u0301": "é", "a\u0301": "á", "\u00a0": " ", "\u3000": " ", "\t": " ",
         "\n": " ", "…": "...", "½": "1⁄2", "\u200b": "", "①": "1", "㍿": "株式会社"}


def trained(**options):
    """A model's bytes."""
    lines = [line for text in corpus(True) for line in text.split("\n") if line.strip()]
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        for source, target in RULES.items():
            rules.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
        rules.flush()
        if options.pop("has_rules", False):
            options["normalization_rule_tsv"] = rules.name
        else:
            options["normalization_rule_name"] = "identity"
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, num_threads=1, minloglevel=2, hard_vocab_limit=False, **options)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    # Only what a reader needs: the rest tells where the file was made.
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.ClearField("model_prefix")
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto.SerializeToString(deterministic=True)


def sentencepiece_goldens(model):
    """Ids of every string; control pieces written out are their ids, and each stretch between is a text of its own."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    special = [processor.id_to_piece(i) for i in range(len(processor)) if processor.is_control(i) or processor.is_unknown(i)]
    pattern = re.compile("(" + "|".join(re.escape(s) for s in special) + ")")

    def encode(text):
        ids = []
        for part in pattern.split(text):
            ids += [processor.piece_to_id(part)] if part in special else processor.encode(part)
        return ids

    numbers = random.Random(7)
    usable = [i for i in range(len(processor)) if processor.id_to_piece(i) not in special]
    sequences = [[numbers.choice(usable) for _ in range(numbers.randint(1, 12))] for _ in range(300)]
    if processor.is_byte(usable[0]) or any(processor.is_byte(i) for i in usable):
        sequences += [[numbers.choice([i for i in usable if processor.is_byte(i)]) for _ in range(8)] for _ in range(100)]
        sequences += [processor.encode(text) for text in hard_strings.PROSE + hard_strings.WORDS]
    decoded = [processor.decode(s) for s in sequences]
    return {"ids": [encode(text) for text in texts()],
            "idsWithSpecialTokens": [[processor.bos_id()] + encode(text) for text in texts()[:100]],
            "sequences": sequences, "texts": decoded, "textsWithoutSpecialTokens": decoded}


def write_json(name, tokenizer):
    text = tokenizer.to_str()
    (OUTPUT / f"{name}.tokenizer.json").write_text(json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    write_gzip(f"{name}.goldens.json.gz", goldens(Tokenizer.from_str(text)))


def llama_decoder():
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def llama2(proto):
    """What transformers' converter makes of a SentencePiece BPE model (LlamaConverter, legacy)."""
    vocabulary = {piece.piece: i for i, piece in enumerate(proto.pieces)}
    merges = []
    for piece in proto.pieces:
        if piece.type != 1:
            continue
        splits = [(piece.piece[:i], piece.piece[i:]) for i in range(1, len(piece.piece))]
        local = [(left, right) for left, right in splits if left in vocabulary and right in vocabulary]
        merges += [(left, right, piece.score) for left, right in sorted(local, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))]
    merges = [(left, right) for left, right, _ in sorted(merges, key=lambda merge: merge[2], reverse=True)]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = llama_decoder()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocabulary["<s>"])])
    return tokenizer


def unigram(proto):
    """T5's kind: the table of replacements, Metaspace, an end token."""
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], unk_id=0))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.add_tokens(["<extra_id_0>", "<extra_id_1>"])
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))])
    return tokenizer


def bert(lowercase, **options):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, **options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # Letters are chosen in the order of their counts, with ties broken by chance: so all of them are named here.
    letters = sorted({c for text in corpus(True) for c in tokenizer.normalizer.normalize_str(text) if not c.isspace()})
    trainer = trainers.WordPieceTrainer(vocab_size=len(letters) * 2 + 700, special_tokens=specials, show_progress=False, initial_alphabet=letters)
    tokenizer.train_from_iterator(corpus(True), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(s, tokenizer.token_to_id(s)) for s in ["[CLS]", "[SEP]"]])
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def state(part):
    return json.loads(part.__getstate__())


def variants(pairs, pieces):
    """Other normalisers, splits and decoders in place of a small tokenizer's own; `base` names it."""
    meta = {"normalizer": None}
    for scheme in ["always", "first", "never"]:
        for split in [False, True]:
            patch = {**meta, "pre_tokenizer": state(pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)),
                     "decoder": state(decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=scheme, split=split)]))}
            yield f"llama2 metaspace {scheme} {split}", "llama2", patch
    yield "gemma", "llama2", {"normalizer": state(normalizers.Replace(" ", "▁")), "pre_tokenizer": state(pre_tokenizers.Split(" ", "merged_with_previous")),
                              "decoder": state(decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]))}
    for fallback in [False, True]:
        for fused in [False, True]:
            model = {**json.loads(pairs.to_str())["model"], "byte_fallback": fallback, "fuse_unk": fused}
            for byte in range(0xC0, 0x100) if not fused else []:
                model["vocab"].pop(f"<0x{byte:02X}>")
            # Holes in the ids are allowed.
            yield f"llama2 fallback {fallback} fused {fused}", "llama2", {"model": model}
    yield "unigram words", "unigram", {"pre_tokenizer": state(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]))}
    for scheme in ["first", "never"]:
        yield f"unigram {scheme}", "unigram", {"pre_tokenizer": state(pre_tokenizers.Metaspace(prepend_scheme=scheme)),
                                               "decoder": state(decoders.Metaspace(prepend_scheme=scheme))}
    yield "unigram whole", "unigram", {"pre_tokenizer": state(pre_tokenizers.Metaspace(split=False))}
    model = json.loads(pieces.to_str())["model"]
    fallback = {**model, "byte_fallback": True, "vocab": model["vocab"] + [[f"<0x{byte:02X}>", -30.0] for byte in range(256)]}
    yield "unigram bytes", "unigram", {"model": fallback, "added_tokens": [], "decoder": state(llama_decoder()), "post_processor": None}
    for flags in [dict(lowercase=False), dict(lowercase=False, strip_accents=True), dict(lowercase=True, strip_accents=False),
                  dict(handle_chinese_chars=False), dict(clean_text=False)]:
        yield f"bert {flags}", "bert", {"normalizer": state(normalizers.BertNormalizer(**flags))}
    yield "bert NFC", "bert", {"normalizer": state(normalizers.NFC()), "decoder": state(decoders.WordPiece(cleanup=False))}
    model = json.loads(bert(True).to_str())["model"]
    yield "bert short words", "bert", {"model": {**model, "max_input_chars_per_word": 5}}


def write_suites(folder):
    mistral = folder / "mistral/mistral_instruct_tokenizer_240323.model.v3"
    write_gzip("mistral-v3.goldens.json.gz", sentencepiece_goldens(mistral.read_bytes()))
    tokenizer = Tokenizer.from_file(str(folder / "minilm/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    write_gzip("minilm.goldens.json.gz", goldens(tokenizer))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suites", type=pathlib.Path)
    if (folder := parser.parse_args().suites) is not None:
        return write_suites(folder)
    pairs = trained(model_type="bpe", vocab_size=1100, byte_fallback=True, character_coverage=0.98, remove_extra_whitespaces=False,
                    split_digits=True, allow_whitespace_only_pieces=True)
    (OUTPUT / "pairs.model").write_bytes(pairs)
    write_gzip("pairs.goldens.json.gz", sentencepiece_goldens(pairs))
    pieces = trained(model_type="unigram", vocab_size=900, character_coverage=0.999, has_rules=True, user_defined_symbols=["<sep>", "hello"])
    (OUTPUT / "pieces.model").write_bytes(pieces)
    write_gzip("pieces.goldens.json.gz", sentencepiece_goldens(pieces))

    pairs_proto = sentencepiece_model_pb2.ModelProto.FromString(pairs)
    pieces_proto = sentencepiece_model_pb2.ModelProto.FromString(pieces)
    write_gzip("pairs.pieces.json.gz", {"tokens": [p.piece for p in pairs_proto.pieces], "scores": [p.score for p in pairs_proto.pieces],
                                        "types": [p.type for p in pairs_proto.pieces]})
    small = {"llama2": llama2(pairs_proto), "unigram": unigram(pieces_proto), "bert": bert(True)}
    for name, tokenizer in small.items():
        write_json(name, tokenizer)
    chosen = [i for i, text in enumerate(texts()) if len(text) < 400][::5]
    numbers = random.Random(11)
    cases = []
    for name, base, patch in variants(small["llama2"], small["unigram"]):
        description = {**json.loads(small[base].to_str()), **patch}
        tokenizer = Tokenizer.from_str(json.dumps(description))
        count = tokenizer.get_vocab_size()
        sequences = [[numbers.randrange(count) for _ in range(numbers.randint(1, 9))] for _ in range(60)]
        cases.append({"name": name, "base": base, "patch": patch, "ids": [tokenizer.encode(texts()[i]).ids for i in chosen],
                      "sequences": sequences, "texts": [tokenizer.decode(s, skip_special_tokens=False) for s in sequences]})
    write_gzip("subword-variants.json.gz", {"strings": chosen, "cases": cases})


if __name__ == "__main__":
    main()
