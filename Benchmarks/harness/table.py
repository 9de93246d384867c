"""What was measured beside what was asked."""
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Line:
    """One comparison. `ratio` is ours by the peer's, or ours alone where `peer` is empty."""

    name: str
    what: str
    ours: str = ""
    peer: str = ""
    ratio: float | None = None
    turns: list = field(default_factory=list)  # the ratio of each turn by itself
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"
    trouble: str = ""  # why it could not be measured
    stamp: dict = field(default_factory=dict)

    def asked(self):
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}"
        return f"≤ {self.at_most:g} {self.unit}" if self.at_most is not None else ""

    def measured(self):
        if self.ratio is None:
            return "not measured"
        spread = f" ({min(self.turns):.2f}–{max(self.turns):.2f})" if len(self.turns) > 1 else ""
        return f"{self.ratio:.2f} {self.unit}{spread}"

    def verdict(self):
        if self.ratio is None:
            return ""
        if self.at_least is not None:
            return "yes" if self.ratio >= self.at_least else "no"
        return ("yes" if self.ratio <= self.at_most else "no") if self.at_most is not None else ""


def load(path):
    """Lines written before; none where there is no such file."""
    if not path or not Path(path).exists():
        return []
    return [Line(**entry) for entry in json.loads(Path(path).read_text())]


def merge(before, now):
    """`before` with the measurements of `now` in place of those of the same names."""
    names = {line.name for line in now}
    return [line for line in before if line.name not in names] + now


def save(path, lines):
    Path(path).write_text(json.dumps([asdict(line) for line in lines], indent=1, ensure_ascii=False) + "\n")


def markdown(lines):
    stamps = [json.dumps(line.stamp, sort_keys=True) for line in lines]
    different = list(dict.fromkeys(stamps))
    text = []
    for number, stamp in enumerate(different, 1):
        s = json.loads(stamp)
        mark = f"[{number}] " if len(different) > 1 else ""
        text.append(f"{mark}{s['date']}, {s['processor']}, commit {s['commit']}, products {s['products']}, "
                    f"BLAS core {s['blas_core']}{s.get('remark', '')}")
    rows = [["what", "Shoal", "peer", "ratio", "asked", "held"]]
    for line, stamp in zip(lines, stamps):
        mark = f" [{different.index(stamp) + 1}]" if len(different) > 1 else ""
        rows.append([line.what + mark, line.ours, line.peer, line.measured(), line.asked(), line.verdict()])
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    form = lambda row: "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    troubles = [f"{line.what}: not measured: {line.trouble}" for line in lines if line.trouble]
    return "\n".join([*text, "", form(rows[0]), "|" + "|".join("-" * (width + 2) for width in widths) + "|",
                      *(form(row) for row in rows[1:]), *troubles])
