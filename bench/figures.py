"""What was measured, medians of it, and how it is printed."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Turns:
    """One measurement of many turns; milliseconds."""

    rate: float  # turns a second
    p50: float
    p99: float


def measured(seconds: Sequence[float], took: float, turns: int = 0) -> Turns:
    """From each turn's seconds and the seconds that all of them took together."""
    ordered = sorted(seconds)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 for part in (0.5, 0.99)]
    return Turns((turns or len(ordered)) / took, *at)


def to_line(found: Turns) -> str:
    return json.dumps(asdict(found))


def from_line(line: str) -> Turns:
    return Turns(**json.loads(line))


def middle(several: Sequence[Turns]) -> Turns:
    """The median of each figure."""
    return Turns(*(median(getattr(t, name) for t in several) for name in ("rate", "p50", "p99")))


def spread(several: Sequence[Turns]) -> str:
    rates = [t.rate for t in several]
    return f"[{min(rates):,.0f} .. {max(rates):,.0f}]"


def machine(packages: Sequence[str]) -> str:
    """Where this ran: nothing here may be compared with figures from elsewhere."""
    load = os.getloadavg()[0]
    lines = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at the start, {_memory()}",
        ", ".join(f"{name} {version(name)}" for name in packages),
        "Only ratios inside one run count: the figures themselves are this machine's, at this hour.",
    ]
    return "\n".join(lines)


def _memory() -> str:
    kilobytes = Path("/proc/meminfo").read_text("ascii").split()[1]
    return f"{int(kilobytes) / 1024 / 1024:.0f} GB"


def table(rows: Sequence[Sequence[str]], right: bool = True) -> str:
    """Columns in line; the first to the left, the others to the right unless told."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = (c.rjust(w) if n and right else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def verdict(value: float, goals: Mapping[str, float], at_most: bool = False) -> str:
    """A ratio against its goals: "0.61  floor ≥ 0.5 met, aim ≥ 2 missed"."""
    sign = "≤" if at_most else "≥"
    told = []
    for name, goal in goals.items():
        met = value <= goal if at_most else value >= goal
        told.append(f"{name} {sign} {goal:g} {'met' if met else 'missed'}")
    return f"{value:.3g}  {', '.join(told)}"
