"""Understanding a message: the time and memory it takes, and how often it is right, beside two plain ways of sorting.

Time over every n-th of the example sentences, others each time, one message at a time, the rows in turn. Right on
sentences kept apart (tests/held_out.txt), by the first wish alone. All three know the same example sentences.
"""

import argparse
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import machine, table, verdict
from bench.nearest import Nearest
from bot.understanding.examples import EXAMPLES, Example, read_examples
from bot.understanding.sense import understand

PACKAGES = ("opencc", "pypinyin", "scikit-learn")
HELD_OUT = Path(__file__).parent.parent / "tests/held_out.txt"
OURS, NEAREST, LINEAR = "ours", "BM25, the nearest example", "TfidfVectorizer, LogisticRegression"
P95, MEGABYTES = 5.0, 60.0  # goals: milliseconds, and what it adds to a process
MEMORY = """
from pathlib import Path
def resident(): return int(Path("/proc/self/status").read_text("ascii").partition("VmRSS:")[2].split()[0])
before = resident()
from bot.understanding.sense import understand
understand("3幢2单元的电梯又坏了")
print(resident() - before)
"""
Sort = Callable[[str], str]  # a text to its intent


@dataclass(frozen=True)
class Sorted:
    """Milliseconds a message."""

    p50: float
    p95: float
    p99: float


def _ours(text: str) -> str:
    return understand.__wrapped__(text).intent


def _linear(examples: Sequence[Example]) -> Sort:
    """What a tutorial would build: n-grams of up to three characters, weighed, and a linear model."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # here: --help need not wait for it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3)), LogisticRegression(C=10, max_iter=1000)
    )
    model.fit([e.text for e in examples], [e.intent for e in examples])
    return lambda text: str(model.predict([text])[0])


def _timed(sort: Sort, texts: Sequence[str]) -> Sorted:
    taken = []
    for text in texts:
        began = time.perf_counter()
        sort(text)
        taken.append((time.perf_counter() - began) * 1000)
    ordered = sorted(taken)
    return Sorted(*(ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99)))


def _middle(several: Sequence[Sorted]) -> Sorted:
    return Sorted(*(median(getattr(s, name) for s in several) for name in ("p50", "p95", "p99")))


def _right(sort: Sort, kept_apart: Sequence[Example]) -> float:
    """The share of sentences whose first wish is found."""
    return sum(sort(e.text) == e.intent for e in kept_apart) / len(kept_apart)


def _memory(repeat: int) -> float:
    """Megabytes that understanding adds to a fresh process, its first message included; the median."""
    command = [sys.executable, "-c", MEMORY]
    told = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(repeat)]
    return median(int(kilobytes) for kilobytes in told) / 1024


def _judged(found: dict[str, Sorted], right: dict[str, float], megabytes: float) -> str:
    ours = found[OURS]
    rows = [
        ("p95 of a message, ms", verdict(ours.p95, {"goal": P95}, at_most=True)),
        ("memory added to a process, MB", verdict(megabytes, {"goal": MEGABYTES}, at_most=True)),
    ]
    for other in (NEAREST, LINEAR):
        rows.append((f"p50 ÷ {other}", verdict(ours.p50 / found[other].p50, {})))
        if right:
            rows.append((f"right ÷ {other}", verdict(right[OURS] / right[other], {})))
    return table([(name, value.rstrip()) for name, value in rows], right=False)


def run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench understanding", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--every", type=int, default=5, help="which of the example sentences are timed: each n-th (5)")
    asked = parser.parse_args(arguments)
    print(machine(PACKAGES), flush=True)
    examples = [e for path in sorted(EXAMPLES.glob("*.txt")) for e in read_examples(path)]
    kept_apart = read_examples(HELD_OUT) if HELD_OUT.exists() else []
    nearest = Nearest([e.text for e in examples], [e.intent for e in examples])
    sorts: dict[str, Sort] = {OURS: _ours, NEAREST: nearest, LINEAR: _linear(examples)}
    _ours(examples[0].text)  # reads its model
    timed: dict[str, list[Sorted]] = defaultdict(list)
    for number in range(asked.repeat):
        texts = [e.text for e in examples[number :: asked.every]]  # others each time: nothing is remembered of them
        for name, sort in sorts.items():
            timed[name].append(_timed(sort, texts))
    found = {name: _middle(several) for name, several in timed.items()}
    right = {name: _right(sort, kept_apart) for name, sort in sorts.items()} if kept_apart else {}
    rows = [("", "p50 ms", "p95 ms", "p99 ms", "right")]
    for name, f in found.items():
        share = f"{right[name]:.1%}" if right else "-"
        rows.append((name, f"{f.p50:.2f}", f"{f.p95:.2f}", f"{f.p99:.2f}", share))
    print(f"\n{len(examples):,} example sentences, each {asked.every}th timed; medians of {asked.repeat}")
    print(f"{len(kept_apart)} sentences kept apart" if kept_apart else f"Left out: {HELD_OUT.name}, which is not there")
    print(f"{table(rows)}\n\n{_judged(found, right, _memory(asked.repeat))}")
    return 0
