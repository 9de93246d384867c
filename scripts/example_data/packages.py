"""Readers of the packages that the examples' texts come from: Debian archives and what is in them, Python wheels.

Each function takes the folder with the downloaded packages and returns its texts in an order that depends on the
packages alone. Standard library, and dpkg-deb for Debian archives.
"""
import gzip
import html
import io
import json
import re
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path


def package(folder, pattern):
    """The one file of `folder` that matches, or an error that says how to get it."""
    found = sorted(Path(folder).glob(pattern))
    if not found:
        raise SystemExit(f"{folder} has no {pattern}; scripts/fetch-example-data downloads it")
    return found[-1]


class Archive:
    """The files of a Debian package."""

    def __init__(self, folder, name):
        path = package(folder, f"{name}_*.deb")
        files = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE, check=True).stdout
        self.tar = tarfile.open(fileobj=io.BytesIO(files))

    def files(self, pattern):
        """(name, bytes) of the files whose name matches, in the order of their names."""
        for member in sorted(self.tar.getmembers(), key=lambda member: member.name):
            if member.isfile() and re.search(pattern, member.name):
                yield member.name, self.tar.extractfile(member).read()

    def file(self, ending):
        """The bytes of the file whose name ends in `ending`."""
        for _, content in self.files(re.escape(ending) + "$"):
            return content
        raise SystemExit(f"the package has no file that ends in {ending}")


# Bibles: SWORD modules of the kind zText

def verses(folder, name):
    """Text of each verse of a SWORD Bible by (book, chapter, number), all as counted from the module."""
    archive, found = Archive(folder, name), {}
    for testament in ("ot", "nt"):
        chapter, number = None, 0
        for entry in entries(archive, testament):
            heading = re.search(r'<chapter [^>]*osisID="([A-Za-z0-9]+)\.(\d+)"', entry)
            if heading:
                chapter, number = (heading[1], int(heading[2])), 0
            elif 'type="book"' in entry:
                chapter = None
            elif chapter:
                number += 1
                text = plain(re.sub(r"<(note|title)\b[^>]*>.*?</\1>", " ", entry, flags=re.S))
                text = re.sub(r"\s+([,.;:?!])", r"\1", text)
                if text:
                    found[(*chapter, number)] = text
    return found


def entries(archive, testament):
    """The entries of a testament: .bzv says block, offset and size of each, .bzs where a block is in .bzz."""
    blocks, places, packed = (archive.file(f"/{testament}.{ending}") for ending in ("bzs", "bzv", "bzz"))
    unpacked = {}
    for block, offset, size in struct.iter_unpack("<IIH", places):
        if size and block not in unpacked:
            start, length, _ = struct.unpack_from("<III", blocks, block * 12)
            unpacked[block] = zlib.decompress(packed[start : start + length])
        yield unpacked[block][offset : offset + size].decode("utf-8", "replace") if size else ""


def plain(markup):
    """What a reader sees of HTML or OSIS: no tags, single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split())


# Jane Austen's novels: an R package's lazy-load data base

def novels(folder):
    """Paragraphs of each of the six novels, by name."""
    archive, found = Archive(folder, "r-cran-janeaustenr"), {}
    index, values = gzip.decompress(archive.file("Rdata.rdx")), archive.file("Rdata.rdb")
    # The index is a list of integer pairs (offset, length), and their names behind it.
    places = [struct.unpack(">ii", m[1]) for m in re.finditer(rb"\0\0\0\x0d\0\0\0\x02(.{8})", index, re.S)]
    names = re.findall(rb"\0\x04\0\x09\0\0\0.([a-z]{4,20})", index, re.S)
    names = [name.decode() for name in names if name not in (b"variables", b"references", b"compressed", b"names")]
    for (offset, length), name in zip(places, names):
        lines = strings(zlib.decompress(values[offset + 4 : offset + length]))
        if lines:
            found[name] = paragraphs(lines)
    return found


def strings(serialized):
    """The character vector that an R serialization (XDR) holds; empty for another type."""
    if serialized[:2] != b"X\n":
        return []
    version, position = struct.unpack_from(">i", serialized, 2)[0], 14
    if version == 3:
        position += 4 + struct.unpack_from(">i", serialized, 14)[0]
    flags, count = struct.unpack_from(">ii", serialized, position)
    position += 8
    if flags & 255 != 16:
        return []
    found = []
    for _ in range(count):
        flags, length = struct.unpack_from(">ii", serialized, position)
        position += 8
        text = serialized[position : position + max(length, 0)]
        found.append(text.decode("utf-8" if flags >> 12 & 8 else "latin-1"))
        position += max(length, 0)
    return found


def paragraphs(lines):
    """Lines joined where no empty line is between them."""
    found, current = [], []
    for line in [*lines, ""]:
        if line.strip():
            current.append(line.strip())
        elif current:
            found.append(" ".join(current))
            current = []
    return found


# The Jargon File

def jargon(folder):
    """(term, its definition's paragraphs) of the Jargon File's entries, but for those with its coarsest words."""
    text = gzip.decompress(Archive(folder, "jargon-text").file("jargon.txt.gz")).decode("utf-8", "replace")
    kinds = r"n|v|vi|vt|adj|adv|interj|excl|prov|pl\.n"
    term, body = None, []
    for block in [*re.split(r"\n\s*\n", text), ":end: n."]:
        block = " ".join(block.split())
        heading = len(block) < 120 and re.match(rf"^:([^:]{{2,40}}): (?:[^ ].*)?(?:{kinds})\.$", block)
        if heading:
            if term and body and not re.search(r"fuck|shit|cunt", f"{term} {body}", re.I):
                yield term, body
            term, body = heading[1], []
        elif term:
            text = re.sub(r"[{}]", "", re.sub(r"^(\d+\.|\[.*?\])\s*", "", block))
            body += [text] if text else []


# Dialogues, questions and answers

def chatterbot(folder):
    """Conversations (lists of turns) of chatterbot-corpus' English files, by topic."""
    wheel, found = zipfile.ZipFile(package(folder, "chatterbot_corpus-*.whl")), {}
    for name in sorted(wheel.namelist()):
        if "/english/" in name and name.endswith(".yml"):
            found[Path(name).stem] = conversations(wheel.read(name).decode("utf-8"))
    return found


def conversations(text):
    """The part of YAML that chatterbot-corpus uses: a list of lists of texts that go on over indented lines."""
    found = []
    for line in text.partition("conversations:")[2].splitlines():
        first, further = re.match(r"^\s{0,2}-\s+- (.*)$", line), re.match(r"^ {1,4}- (.*)$", line)
        if first:
            found.append([first[1]])
        elif further and found:
            found[-1].append(further[1])
        elif found and line.strip():
            found[-1][-1] += "\n" + line.strip()
    return [[unquoted(turn) for turn in conversation] for conversation in found if len(conversation) > 1]


def unquoted(scalar):
    """The text of a YAML scalar."""
    if scalar.startswith("|"):
        return scalar.partition("\n")[2]
    scalar = " ".join(scalar.split())
    if len(scalar) > 1 and scalar[0] == scalar[-1] == "'":
        return scalar[1:-1].replace("''", "'")
    if len(scalar) > 1 and scalar[0] == scalar[-1] == '"':
        return json.loads(scalar)
    return scalar


def questions(folder):
    """(question, answer) of the Debian FAQ and the Git FAQ; answers end at a paragraph, before 700 characters."""
    found = []
    for _, page in Archive(folder, "debian-faq").files(r"/FAQ/[a-z-]+\.en\.html$"):
        parts = re.split(r'<h[23] class="title"[^>]*>(.*?)</h[23]>', page.decode("utf-8", "replace"), flags=re.S)
        for heading, body in zip(parts[1::2], parts[2::2]):
            found.append((re.sub(r"^(Chapter\s+)?[\d.]+\s+", "", plain(heading)), body))
    page = Archive(folder, "git-doc").file("/gitfaq.html").decode("utf-8", "replace")
    for heading, body in re.findall(r'<dt class="hdlist1">(.*?)</dt>\s*<dd>(.*?)</dd>', page, re.S):
        found.append((plain(re.sub(r"<a id=.*?</a>", "", heading, flags=re.S)), body))
    for question, body in found:
        answer = ""
        for part in (plain(part) for part in re.findall(r"<p>(.*?)</p>", body, re.S)):
            if answer and len(answer) + len(part) > 700:
                break
            if not part.endswith(":"):
                answer = f"{answer}\n{part}" if answer else part
        if question.endswith("?") and 20 <= len(answer) <= 900:
            yield question, answer


def problems(folder):
    """(problem, its solution's steps) of the CHAMP dataset of mathematics problems."""
    wheel = zipfile.ZipFile(package(folder, "champ_dataset-*.whl"))
    content = json.loads(wheel.read("champ_dataset/dataset_files/v0.json"))["problems"]
    for name in sorted(content):
        problem = content[name]
        yield problem["_text"], "\n".join(step["_text"] for step in problem["solution"]["steps"])


def catalogs(folder, names):
    """(English, Spanish) of one-line messages in the Spanish gettext catalogs of Debian packages."""
    for name in names:
        for _, catalog in Archive(folder, name).files(r"/locale/es/LC_MESSAGES/.*\.mo$"):
            order = "<" if catalog[:4] == b"\xde\x12\x04\x95" else ">"
            _, count, originals, translations = struct.unpack(order + "4I", catalog[4:20])
            for index in range(count):
                pair = []
                for table in (originals, translations):
                    length, start = struct.unpack_from(order + "2I", catalog, table + 8 * index)
                    text = catalog[start : start + length].split(b"\x04")[-1].split(b"\0")[0]
                    pair.append(text.decode("utf-8", "replace").strip())
                if "\n" not in pair[0] + pair[1] and all(pair) and pair[0] != pair[1]:
                    yield tuple(pair)
