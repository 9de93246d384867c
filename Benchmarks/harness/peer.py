"""The other side: PEFT, transformers and gloo on PyTorch, in a venv of their own."""
import json
import os
import subprocess
import sys
from pathlib import Path

from harness.checkout import BASE, ROOT, WORK, Unavailable, run, say

PEERS = ROOT / "Benchmarks" / "peers"


class Peer:
    """Python with the pinned packages of Benchmarks/peers/requirements.txt."""

    def __init__(self, venv=None):
        folder = Path(venv) if venv else ROOT / ".venv-peer"
        self.python = folder / "bin" / "python"
        if not self.python.exists():
            say(f"installing the peer's packages into {folder}")
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, stdout=sys.stderr)
            pip = [self.python, "-m", "pip", "install", "--requirement", PEERS / "requirements.txt"]
            if subprocess.run([str(word) for word in pip], stdout=sys.stderr).returncode != 0:
                self.python.unlink(missing_ok=True)
                raise Unavailable("pip could not install Benchmarks/peers/requirements.txt (its reason is above)")
        # Loading a GGUF file takes transformers a quarter of a minute, so that is done once.
        self.folder = WORK / "base-float32"

    def prepare_base(self):
        """The base as a Float32 folder of transformers, which PEFT loads in a second."""
        if (self.folder / "config.json").exists():
            return
        say("converting the base for the peer")
        run([self.python, PEERS / "gguf_to_folder.py", BASE, self.folder], env=self._environment())

    def steps(self, *, threads, steps, batch, data=None, length=256, processes=1, best=()):
        """Training steps with PEFT: tokens and seconds of all but the first, resident peak.

        - batch: rows a step of each process. - best: options of peft_steps.py such as `--compile`.
        """
        script = [PEERS / "peft_steps.py", "--base", self.folder, "--threads", threads, "--batch", batch, "--steps", steps]
        script += ["--data", data] if data else ["--seq", length]
        command = [self.python, *script, *best]
        if processes > 1:
            command = [self.python, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes,
                       *script, "--ddp", *best]
        printed = run(command, env=self._environment(threads))
        return json.loads(printed.strip().splitlines()[-1])

    def generate(self, *, prompt, count, threads):
        """Greedy continuation with transformers: the text, and seconds after loading."""
        printed = run([self.python, PEERS / "transformers_generate.py", "--base", self.folder, "--prompt", prompt,
                       "--count", count, "--threads", threads], env=self._environment())
        return json.loads(printed.strip().splitlines()[-1])

    def _environment(self, threads=None):
        extra = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor")}
        if threads:
            extra["OMP_NUM_THREADS"] = str(threads)
        return dict(os.environ, **extra)
