"""Strings that tell tokenizers apart: scripts, marks, white space, controls, special tokens, bytes that are no UTF-8."""
import random

WHITESPACE = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n", "\n ", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0",
              "\u1680", "\u180e", "\u2000", "\u2003", "\u2009", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f",
              "\u2060", "\u3000", "\ufeff", " " * 7, " " * 16, "\t\t\t", "\n\n\n\n", " \t \n \r\n "]
CONTRACTIONS = ["'s", "'S", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'VE", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D",
                "'\u017f", "\u2019s", "\u02bcs", "'x", "''s", "'", "'ss", "'\u212a", "'st", "'mm"]
WORDS = ["the", "The", "capital", "of", "France", "is", "hello", "HELLO", "don't", "can't", "we'll", "I'm", "they're", "o'clock",
         "naïve", "café", "cafe\u0301", "Zürich", "straße", "STRASSE", "ﬁne", "ſhall", "İstanbul", "ΑΒΓ", "λόγος", "ὀξύς", "мир",
         "Привет", "ёлка", "שלום", "שָׁלוֹם", "مرحبا", "العَرَبِيَّة", "हिन्दी", "नमस्ते", "ภาษาไทย", "ສະບາຍດີ", "မြန်မာ", "ខ្មែរ", "ქართული",
         "ՀԱՅ", "አማርኛ", "中文", "漢字", "日本語", "ひらがな", "カタカナ", "ｶﾀｶﾅ", "한국어", "한국어", "Tiếng Việt", "x²", "½", "Ⅷ", "①", "ª",
         "κ\u0301", "a\u0308\u0323", "q\u0307\u0323", "q\u0323\u0307", "\u0344", "\u212b", "\u2126", "e\u0302\u0301", "각", "가\u11a8"]
EMOJI = ["😀", "👍🏽", "👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "🇩🇪", "🇫🇷🇮🇹", "❤️", "☺", "1️⃣", "🧑\u200d🚀", "👨🏿\u200d🦳", "🫠", "🪿", "🫨", "🐦\u200d🔥"]
DIGITS = ["0", "1", "12", "123", "1234", "12345678901234567890", "3.14159", "1,000,000", "0x1F", "1e-10", "٣٤٥", "४२", "๑๒๓", "一二三",
          "²³", "₁₂", "¼", "Ⅻ", "\U0001d7d8\U0001d7d9", "\U00010d40\U00010d41", "\U00011de0", "12:30", "2024-01-31", "50%"]
CODE = ["def f(x):\n    return x+1\n", "if (a && b) { c[i]++; }", "#include <stdio.h>\n", "for i in range(10):\n\tprint(i)\n", "x = {'a': [1, 2]}",
        "SELECT * FROM t WHERE a='b';", "<div class=\"x\">&nbsp;</div>", "https://example.org/a?b=c&d=%20#e", "$\\alpha_{i}^{2}$", "snake_case_name",
        "camelCaseName", "a->b::c.d", "/* comment */", "// ---------", "========", "!!!???", "...", "…", "—–-", "«»„“”", "\\n\\t\\\\", "`code`", "~~~", "@user #tag"]
CONTROLS = ["\0", "\x01", "\x07", "\x08", "\x1b[31m", "\x7f", "\x80", "\x9f", "\xad", "\u200d", "\u200e", "\u202e", "\ufffd", "\ufffe", "\uffff",
            "\ue000", "\U000f0000", "\U0010ffff", "\ufe0f", "\u034f"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>",
            "<|end_header_id|>", "<repo_name>", "<file_sep>", "<|im_start|", "<|im_end|>>", "<s>", "</s>", "[INST]", "[/INST]", "<unk>", "<pad>",
            "<left>", "<right>", "<both>", "<word>", "<norm\u00e9>", "<norme\u0301>", "<raw\u00e9>", "<rawe\u0301>", "<longer>", "<longer><word>"]
PROSE = ["It was the best of times, it was the worst of times.", "All human beings are born free and equal in dignity and rights.",
         "Tous les êtres humains naissent libres et égaux en dignité et en droits.", "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
         "Все люди рождаются свободными и равными в своем достоинстве и правах.", "人人生而自由，在尊严和权利上一律平等。",
         "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。", "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
         "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.", "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
         "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.", "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ"]
FRAGMENTS = [WHITESPACE, CONTRACTIONS, WORDS, EMOJI, DIGITS, CODE, CONTROLS, SPECIALS]
INVALID = [b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe2\x82", b"\xe2\x28\xa1", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf",
           b"\xf0\x9f\x98", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff", b"\xfe\xff",
           b"a\xc3b", b"\xe4\xb8", b"\xe4\xb8\xad\xe4", b"\xf0\x9f\xf0\x9f\x98\x80", b"ok \xff\xfe ok", b"\xef\xbb\xbf text", b"\xc3\xc3\xa9"]


def strings():
    """At least 2,000 byte strings, the same at every call. Long ones are compressible."""
    random_numbers = random.Random(20240131)
    pick = random_numbers.choice
    found = ["", "The capital of France is"]
    for fragments in FRAGMENTS + [PROSE]:
        for item in fragments:
            found += [item, f"a{item}b", f" {item} "]
    for _ in range(500):
        found.append("".join(pick(pick(FRAGMENTS)) for _ in range(random_numbers.randint(2, 7))))
    for _ in range(200):
        found.append(" ".join(pick(pick([WORDS, DIGITS, EMOJI, CONTRACTIONS, SPECIALS])) for _ in range(random_numbers.randint(3, 8))))
    for _ in range(200):
        found.append("".join(pick(WHITESPACE) for _ in range(random_numbers.randint(1, 5))) + pick(WORDS)
                     + "".join(pick(WHITESPACE) for _ in range(random_numbers.randint(1, 4))))
    for _ in range(120):
        found.append(pick(WORDS + CODE) + pick(WHITESPACE) + pick(SPECIALS) + pick(WHITESPACE + WORDS) + pick(SPECIALS) + pick(WHITESPACE))
    for _ in range(150):
        # Any code point; half of them from the planes that are full.
        limit = pick([0x250, 0x3000, 0x10000, 0x20000, 0x32000, 0x110000])
        points = [random_numbers.randrange(limit) for _ in range(random_numbers.randint(1, 12))]
        found.append("".join(chr(p) for p in points if not 0xD800 <= p < 0xE000))
    for unit, count in [("a", 5000), ("ab", 3000), ("abc", 700), (" ", 4000), ("\n", 3000), (" \n", 1500), ("1", 2000), ("the", 1500), ("中", 1500),
                        ("😀", 800), ("!", 3000), ("<|im_end|>", 200), ("a" * 33 + " ", 60), ("Aa", 31), ("xyz", 11), ("\u0301", 900), ("\0", 500),
                        ("hello", 7), ("'s", 400), ("\t", 999), ("\r\n", 999), ("é", 33), ("e\u0301", 33)]:
        found.append(unit * count)
    for length in list(range(28, 40)) + [63, 64, 65, 127]:
        found.append("".join(pick("etaoinshrdlu") for _ in range(length)))
    encoded = [text.encode("utf-8") for text in found]
    for item in INVALID:
        encoded += [item, b"a" + item + b"b", b" " + item + b" \n"]
    for _ in range(100):
        encoded.append(bytes(random_numbers.randrange(256) for _ in range(random_numbers.randint(1, 16))))
    for _ in range(60):
        text = bytearray("".join(pick(pick([WORDS, EMOJI, PROSE])) for _ in range(2)).encode("utf-8"))
        for _ in range(random_numbers.randint(1, 3)):
            del text[random_numbers.randrange(len(text))]
        encoded.append(bytes(text))
    return list(dict.fromkeys(encoded))
