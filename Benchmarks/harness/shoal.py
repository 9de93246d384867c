"""Our side: real runs of `shoal`, and what their metrics.jsonl says."""
import json
import subprocess
import time
from pathlib import Path

from harness.checkout import BASE, REVIEWS, WORK, Unavailable, run

# Each is one token of SmolLM2 with a blank before it.
WORDS = """time year people way day man thing woman life child world school state family student group country problem hand
part place case week company system program question work government number night point home water room mother area money
story fact month lot right study book eye job word business issue side kind head house service friend father power hour
game line end member law car city community name""".split()


def dense_rows(length):
    """A file of 64 texts of exactly `length` tokens, the end token counted; what else they say does not matter."""
    path = WORK / f"dense-{length}.jsonl"
    if not path.exists():
        with open(path, "w") as file:
            for row in range(64):
                words = (WORDS[(row * 31 + column * column + column) % len(WORDS)] for column in range(length - 1))
                file.write(json.dumps({"text": " " + " ".join(words)}) + "\n")
    return path


class Shoal:
    def __init__(self, binaries):
        self.binaries = binaries

    def configuration(self, name, *, data, batch, length, steps, adapter="target_modules: all-linear"):
        """Writes WORK/`name`.yaml and returns its path."""
        path = WORK / f"{name}.yaml"
        path.write_text(
            f"base: {BASE}\n"
            f"data: {{train: [{data}], max_sequence_length: {length}, shuffle: false}}\n"
            "method: lora\n"
            f"adapter: {{r: 8, lora_alpha: 16, {adapter}}}\n"
            f"training: {{max_steps: {steps}, batch_size: {batch}, learning_rate: 1.0e-4, seed: 1}}\n"
            "checkpoint: {every_steps: 1000}\n"
        )
        return path

    def dense(self, steps, *, length=256, batch=4, adapter="target_modules: all-linear", name="dense"):
        return self.configuration(f"{name}-{length}", data=dense_rows(length), batch=batch, length=length,
                                  steps=steps, adapter=adapter)

    def reviews(self, steps, *, batch=16, adapter="target_modules: all-linear", name="reviews"):
        return self.configuration(name, data=REVIEWS, batch=batch, length=512, steps=steps, adapter=adapter)

    def command(self, configuration, *, workers, threads):
        return [self.binaries.shoal, "train", configuration, "--workers", workers, "--threads", threads, "--quiet",
                "--output", self.folder(configuration), "--overwrite"]

    def folder(self, configuration):
        return WORK / "runs" / configuration.stem

    def train(self, configuration, *, workers, threads):
        """A run: tokens and seconds of all steps but the first, the largest worker's resident peak."""
        run(self.command(configuration, workers=workers, threads=threads))
        return figures(self.folder(configuration))

    def start(self, configuration, **options):
        """Starts a run and returns its process at once."""
        command = [str(word) for word in self.command(configuration, **options)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def seconds_to_first_step(self, configuration, **options):
        """From the command to the first line of metrics.jsonl, the step's own computing included."""
        metrics = self.folder(configuration) / "metrics.jsonl"
        metrics.unlink(missing_ok=True)
        began = time.perf_counter()
        process = self.start(configuration, **options)
        try:
            while process.poll() is None or metrics.exists():
                if metrics.exists() and metrics.stat().st_size > 0:
                    return time.perf_counter() - began
                time.sleep(0.002)
        finally:
            process.wait()
        raise Unavailable(f"`shoal train` ended with status {process.returncode} before its first step")

    def generate(self, *, prompt, count, threads):
        """A greedy continuation: the text, and the seconds from its first piece to its last."""
        command = [self.binaries.shoal, "generate", "--base", BASE, "--prompt", prompt, "--max-tokens", count,
                   "--threads", threads, "--quiet"]
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, bufsize=0)
        pieces, times = [], []
        while piece := process.stdout.read(65536):
            if piece.strip(b"\n") or not pieces:
                times.append(time.perf_counter())
            pieces.append(piece)
        if process.wait() != 0:
            raise Unavailable(f"`shoal generate` ended with status {process.returncode}")
        return {"count": count, "seconds": times[-1] - times[0], "text": b"".join(pieces).decode()}

    def bound(self, *, threads):
        """Tokens a second that bare cblas_sgemm allows on dense rows of 256."""
        command = [self.binaries.benchmarks, "sgemm-bound", "--blas", "--json", "--base", BASE, "--tokens", 256,
                   "--supervised", 255, "--threads", threads]
        return json.loads(run(command))

    def coordinator(self, *, workers, steps):
        """What `shoal-benchmarks coordinator` prints, on one processor."""
        command = ["taskset", "--cpu-list", "0", self.binaries.benchmarks, "coordinator", "--workers", workers,
                   "--steps", steps]
        return run(command).strip()


def figures(folder):
    """Of a run's metrics.jsonl; the first step also pays for what happens once, and is left out."""
    steps = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    counted = steps[1:]
    if not counted:
        raise Unavailable(f"{folder} has {len(steps)} steps, expected 2 or more")
    return {
        "tokens": sum(step["tokens"] for step in counted),
        "seconds": sum(step["step_seconds"] for step in counted),
        "exposed_share": sum(s["exposed_reduce_seconds"] for s in counted) / sum(s["step_seconds"] for s in counted),
        "peak_rss_bytes": max(step["peak_rss_bytes"] for step in steps),
    }


def children(parent):
    """Ids of the processes that `parent` started, in order."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(entry.name))
        except OSError:
            pass  # ended meanwhile
    return sorted(found)


def memory(process):
    """Bytes of /proc/PID/smaps_rollup by name, such as Rss, Pss and Private_Clean."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
