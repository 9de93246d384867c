"""The checkout that is measured: its binaries, its data, the machine under it."""
import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
WORK = DATA / "benchmarks"  # rows, configurations, runs and caches of the benchmarks
BASE = DATA / "SmolLM2-135M-Instruct.Q4_1.gguf"
REVIEWS = DATA / "reviews.train.jsonl"


class Unavailable(Exception):
    """Something that this machine lacks; its text says what, and what to do."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    """Runs `command` to its end; what it printed on stdout. A failure carries the end of its stderr."""
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if result.returncode != 0:
        name = Path(str(command[0])).name
        tail = " | ".join(result.stderr.strip().splitlines()[-3:])
        raise Unavailable(f"{name} ended with status {result.returncode}: {tail or 'it said nothing'}")
    return result.stdout


class Binaries:
    """`shoal` and `shoal-benchmarks`, built here or taken from a folder."""

    def __init__(self, folder=None):
        if folder is None:
            say("building shoal and shoal-benchmarks (release)")
            environment = dict(os.environ, SHOAL_BENCHMARKS="1")
            for product in ("shoal", "shoal-benchmarks"):
                command = ["swift", "build", "--configuration", "release", "--product", product]
                subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=True)
            folder = ROOT / ".build" / "release"
        self.shoal = Path(folder).resolve() / "shoal"
        self.benchmarks = Path(folder).resolve() / "shoal-benchmarks"
        for path in (self.shoal, self.benchmarks):
            if not os.access(path, os.X_OK):
                raise Unavailable(f"{path} is not there; leave --binaries away to build it")
        self.version = run([self.shoal, "--version"])

    def stamp(self):
        """When, on what and with what something is measured."""
        found = re.search(r"commit ([0-9a-f]+\+?)", self.version)
        core = re.search(r"core (\S+)", self.version)
        products = re.search(r"products (\S+)", self.version)
        return {
            "date": datetime.date.today().isoformat(),
            "processor": processor(),
            "commit": found.group(1) if found else "unknown",
            "blas_core": core.group(1) if core else "unknown",
            "products": products.group(1) if products else "unknown",
        }


def processor():
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", text)
    widest = next((flag for flag in ("avx512f", "avx2") if re.search(rf"\b{flag}\b", text)), "no AVX2")
    family = "/".join(m.group(1) for m in (re.search(rf"{key}\s*: (\d+)", text) for key in ("cpu family", "model")) if m)
    return f"{name.group(1) if name else 'unknown'} (family/model {family}, {widest}), {len(os.sched_getaffinity(0))} processors"
