"""What scripts/soak and scripts/test-partitions share: a small run with its rows and keys, and its processes, each on a host
of scripts/namespaces.py where that is wanted. Python's standard library only.

Everything lives in one folder; close() leaves nothing behind."""

import ctypes
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASE = ROOT / "Tests/Fixtures/tiny-base"
LOST_AFTER = 1.5
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def die_with_parent():
    """In a child: SIGKILL when the script is gone, however it went (prctl's PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def executable():
    """$SHOAL_EXECUTABLE, else the release build."""
    path = os.environ.get("SHOAL_EXECUTABLE") or ROOT / ".build/release/shoal"
    if not os.access(path, os.X_OK):
        sys.exit(f"{path}: not there; run 'swift build -c release' first")
    return str(path)


def wait_until(condition, seconds):
    """Looks every 3 ms; whether it held in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.003)
    return True


class Process:
    """A shoal process with its output in a file."""

    def __init__(self, folder, name, arguments, host=None, fault=None):
        self.name = name
        self.log = folder / f"{name}.log"
        environment = dict(os.environ, SHOAL_CACHE=str(folder / "cache"), OPENBLAS_NUM_THREADS="1")
        environment.pop("SHOAL_FAULT", None)
        if fault:
            environment["SHOAL_FAULT"] = fault
        command = [executable(), *arguments]
        if host:
            command = host.command(command)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                preexec_fn=die_with_parent)
        self.host = host

    @property
    def status(self):
        """Exit status, negative for a signal; None while it runs."""
        return self.process.poll()

    @property
    def is_stopped(self):
        try:
            stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rsplit(")", 1)[1].split()[0] == "T"

    def send(self, number):
        if self.status is None:
            self.process.send_signal(number)

    def end(self, number=signal.SIGKILL, seconds=15):
        """Ends it, the hard way if it does not go."""
        self.send(number)
        if number != signal.SIGKILL:
            self.send(signal.SIGCONT)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def tail(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Bench:
    """A folder with rows, configuration and keys, and every process started from it."""

    def __init__(self, steps, checkpoint_every=25, settings=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"shoal-{os.getpid()}-"))
        self.processes = []
        self.count = 0
        self.steps = steps
        rows = []
        for index in range(192):
            filler = " plus zero" * (index * 5 % 7)
            first, second = NUMBERS[index * 7 % 10], NUMBERS[(index * 3 + index // 10) % 10]
            rows.append(json.dumps({
                "prompt": f"What is {first} plus {second}{filler}?", "completion": f" It is row {index % 13}."}))
        (self.folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
        self.config = self.folder / "config.yaml"
        self.config.write_text(f"""base: {BASE}
data: {{train: [{self.folder}/rows.jsonl], max_sequence_length: 64}}
adapter: {{r: 8, lora_alpha: 16, lora_dropout: 0.1, target_modules: all-linear}}
training: {{max_steps: {steps}, batch_size: 32, learning_rate: 0.002, micro_batches: 12, max_tokens_per_micro_batch: 128, seed: 7}}
checkpoint: {{every_steps: {checkpoint_every}, keep: 3}}
cluster: {{heartbeat_seconds: 0.2, lost_after_seconds: {LOST_AFTER}{settings}}}
""")
        self.shoal("keys", "new", str(self.folder / "keys"))

    def shoal(self, *arguments, seconds=600):
        """Runs shoal to its end; an error with its words when it fails."""
        result = subprocess.run(
            [executable(), *arguments], capture_output=True, text=True, timeout=seconds,
            env=dict(os.environ, SHOAL_CACHE=str(self.folder / "cache")))
        if result.returncode:
            raise RuntimeError(
                f"shoal {' '.join(arguments)}: status {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def undisturbed(self):
        """SHA-256 of the adapter that one worker trains without faults."""
        self.shoal("train", str(self.config), "--quiet", "--output", str(self.folder / "undisturbed"))
        return sha256(self.folder / "undisturbed")

    def start(self, kind, arguments, host=None, fault=None):
        self.count += 1
        process = Process(self.folder, f"{self.count:04}-{kind}", [kind, *arguments], host, fault)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.status is None:
                process.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Run:
    """One run on a bench: its coordinator's command, its workers' command, what it has written."""

    def __init__(self, bench, name, address):
        self.bench = bench
        self.path = bench.folder / name
        self.address = address

    def coordinator(self, host=None, fault=None, minimum=1):
        which = ["--resume", str(self.path)] if (self.path / "run.json").exists() else [
            str(self.bench.config), "--output", str(self.path)]
        return self.bench.start(
            "coordinator", [*which, "--listen", self.address, "--min-workers", str(minimum), "--keys",
                            str(self.bench.folder / "keys")], host, fault)

    def worker(self, host=None, fault=None):
        return self.bench.start(
            "worker", ["--connect", self.address, "--base", str(BASE), "--threads", "1", "--keys",
                       str(self.bench.folder / "keys")], host, fault)

    @property
    def metrics(self):
        """The last whole line of metrics.jsonl; None before the first."""
        try:
            with open(self.path / "metrics.jsonl", "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 4096))
                lines = file.read().split(b"\n")
        except OSError:
            return None
        return json.loads(lines[-2]) if len(lines) >= 2 and lines[-2] else None

    @property
    def step(self):
        metrics = self.metrics
        return metrics["step"] if metrics else 0

    def events(self, name):
        try:
            lines = (self.path / "events.jsonl").read_text().splitlines()
        except OSError:
            return []
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def check(self, expected):
        """What is wrong with the finished run; None when nothing is."""
        if not (self.path / "adapter").exists():
            return "there is no adapter"
        if sha256(self.path) != expected:
            return "the adapter has other bytes than that of the undisturbed run"
        try:
            self.bench.shoal("audit", str(self.path))
        except RuntimeError as error:
            return f"audit: {error}"
        steps = [json.loads(line)["step"] for line in (self.path / "ledger.jsonl").read_text().splitlines()]
        return None if steps == list(range(1, self.bench.steps + 1)) else "the ledger has not each step once"


def sha256(run_path):
    return hashlib.sha256((run_path / "adapter/adapter_model.safetensors").read_bytes()).hexdigest()
