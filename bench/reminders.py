"""100,000 reminders pending and 500 due at one instant: our outbox beside APScheduler's SQLAlchemyJobStore."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.figures import machine, table, verdict
from bench.house import furnish
from bench.punctual import AT_ONCE, Punctual, from_line

PACKAGES = ("sqlmodel", "sqlalchemy", "apscheduler")
ROWS: dict[str, Callable[[Punctual], float]] = {
    "last of 500 due at one instant comes after, ms": lambda p: p.late * 1e3,
    "event loop stands still for at most, ms": lambda p: p.stall * 1e3,
    "one added by itself, us": lambda p: p.add * 1e6,
    "one of 10,000 push()ed in a transaction, us": lambda p: p.together * 1e6,
    "one of 100,000 rows of one INSERT, us": lambda p: p.bulk * 1e6,
    "one of 10,000 by push_to_all(), us": lambda p: p.everybody * 1e6,
}


def _measure(name: str, number: int, folder: Path) -> Punctual:
    path = folder / f"{number}.db"
    if name == "pushes":
        furnish(f"sqlite:///{path}")
    command = [sys.executable, "-m", "bench.case", f"{name}.reminders", f"sqlite:///{path}"]
    found = from_line(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    if found.gone != AT_ONCE:
        raise RuntimeError(f"{name}: {found.gone} of {AT_ONCE} came")
    return found


def _printed(ours: list[Punctual], theirs: list[Punctual]) -> str:
    rows = [("", "ours", "[least .. most]", "APScheduler", "[least .. most]")]
    for name, figure in ROWS.items():
        cells: list[str] = []
        for several in (ours, theirs):
            values = [figure(p) for p in several]
            told = f"{median(values):,.1f}", f"[{min(values):,.1f} .. {max(values):,.1f}]"
            cells += told if any(values) else ("-", "")
        rows.append((name, cells[0], cells[1], cells[2], cells[3]))
    return table(rows)


def _judged(ours: list[Punctual], theirs: list[Punctual]) -> str:
    def ratio(ours_of: Callable[[Punctual], float], theirs_of: Callable[[Punctual], float]) -> float:
        return median(map(ours_of, ours)) / median(map(theirs_of, theirs))

    hundredth, smaller = {"goal": 1 / 100}, {"goal": 1 / 200}
    rows = [
        ("lateness of the last", verdict(ratio(lambda p: p.late, lambda p: p.late), hundredth, at_most=True)),
        ("stall of the loop", verdict(ratio(lambda p: p.stall, lambda p: p.stall), hundredth, at_most=True)),
        ("bulk add, rows of one INSERT ÷ add_job",
         verdict(ratio(lambda p: p.bulk, lambda p: p.add), smaller, at_most=True)),
        ("bulk add, push() in one transaction ÷ add_job",
         verdict(ratio(lambda p: p.together, lambda p: p.add), smaller, at_most=True)),
        ("bulk add, push_to_all() ÷ add_job",
         verdict(ratio(lambda p: p.everybody, lambda p: p.add), smaller, at_most=True)),
        ("one by itself ÷ add_job", verdict(ratio(lambda p: p.add, lambda p: p.add), {}, at_most=True)),
    ]  # fmt: skip
    return table(rows, right=False)


def run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench reminders", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (3)")
    asked = parser.parse_args(arguments)
    print(machine(PACKAGES), flush=True)
    ours: list[Punctual] = []
    theirs: list[Punctual] = []
    with TemporaryDirectory(prefix="linlifang-bench-") as folder:
        for number in range(asked.repeat):
            ours.append(_measure("pushes", number, Path(folder)))
            theirs.append(_measure("jobstore", number, Path(folder)))
    print(f"\nMedians of {asked.repeat}, SQLite\n{_printed(ours, theirs)}\n\n{_judged(ours, theirs)}")
    return 0
