"""A broadcast to a thousand within Telegram's limits, and the rows behind it, beside what others would use."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from statistics import median

from bench import queues, senders
from bench.figures import machine, table, verdict
from bench.house import Stores, stores
from bench.senders import LIMIT, Broadcast

PACKAGES = ("sqlmodel", "sqlalchemy", "psycopg", "python-telegram-bot")
MANY, FEWER, CROWD, TAKEN = 1000, 600, 100_000, 10_000
SENDERS = {"ours": "ours", "PTB, AIORateLimiter(3)": "limiter", "PTB, gather": "gather"}
NEEDED = {"PTB, AIORateLimiter(3)": "aiolimiter", "procrastinate": "procrastinate"}
RATES = {
    "addressed, ours": ("addressed", CROWD),
    "addressed, bare INSERT ... SELECT": ("addressed_bare", CROWD),
    "claimed and settled, ours, by waves": ("settled", TAKEN),
    "claimed and settled, ours, each marked": ("settled_singly", TAKEN),
    "procrastinate": ("procrastinate", TAKEN),
}


def _case(name: str, url: str, *numbers: int) -> str:
    command = [sys.executable, "-m", "bench.case", name, url, *map(str, numbers)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _here(name: str) -> bool:
    return name not in NEEDED or find_spec(NEEDED[name]) is not None


def _sent(made: Stores, repeat: int) -> dict[str, list[Broadcast]]:
    found: dict[str, list[Broadcast]] = {}
    for _ in range(repeat):
        for name, case in SENDERS.items():
            for row, number, probed in ((f"{name}, {MANY:,}", MANY, 0), (f"{name}, {FEWER} and replies", FEWER, 1)):
                if _here(name) and not (case == "gather" and probed):
                    line = _case(f"senders.{case}", made.fresh("sqlite"), number, probed)
                    found.setdefault(row, []).append(senders.from_line(line))
    return found


def _taken(made: Stores, repeat: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for _ in range(repeat):
        for name, (case, number) in RATES.items():
            for kind in ("sqlite", "postgresql"):
                if _here(name) and not (case == "procrastinate" and kind == "sqlite"):
                    line = _case(f"queues.{case}", made.fresh(kind), number)
                    found.setdefault(f"{name}, {kind}", []).append(queues.from_line(line).rate)
    return found


def _printed(sent: dict[str, list[Broadcast]], taken: dict[str, list[float]]) -> str:
    rows: list[Sequence[str]] = [("", "of the limit", "429s", "lost", "twice", "reply s")]
    for name, several in sent.items():
        counts = [str(round(median(getattr(b, what) for b in several))) for what in ("refused", "lost", "twice")]
        reply = median(b.reply for b in several)
        share = "-" if any(b.lost for b in several) else f"{median(b.share for b in several):.1%}"
        rows.append((name, share, *counts, f"{reply:.2f}" if reply else ""))
    rates: list[Sequence[str]] = [("", "a second", "[least .. most]")]
    rates += [(n, f"{median(r):,.0f}", f"[{min(r):,.0f} .. {max(r):,.0f}]") for n, r in taken.items()]
    return f"{table(rows)}\n\n{table(rates)}"


def _judged(sent: dict[str, list[Broadcast]], taken: dict[str, list[float]]) -> str:
    ours, replies = sent[f"ours, {MANY:,}"], sent[f"ours, {FEWER} and replies"]
    rows = [
        (f"share of {LIMIT} a second", verdict(median(b.share for b in ours), {"goal": 0.93})),
        ("429s", verdict(max(b.refused for b in ours), {"goal": 0}, at_most=True)),
        ("lost or twice", verdict(max(b.lost + b.twice for b in ours), {"goal": 0}, at_most=True)),
        ("a reply meanwhile, s", verdict(median(b.reply for b in replies), {"goal": 0.2}, at_most=True)),
    ]
    for kind in ("sqlite", "postgresql"):
        bare = median(taken[f"addressed, bare INSERT ... SELECT, {kind}"])
        owed = median(taken[f"addressed, ours, {kind}"]) / bare
        rows.append((f"addressed ÷ bare INSERT ... SELECT, {kind}", verdict(owed, {"goal": 0.8})))
    if peer := taken.get("procrastinate, postgresql"):
        waves = median(taken["claimed and settled, ours, by waves, postgresql"]) / median(peer)
        singly = median(taken["claimed and settled, ours, each marked, postgresql"]) / median(peer)
        rows += [("claimed and settled by waves ÷ procrastinate", verdict(waves, {"goal": 1}))]
        rows += [("each marked ÷ procrastinate", verdict(singly, {}))]
    return table(rows, right=False)


def run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench broadcast", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (3)")
    asked = parser.parse_args(arguments)
    print(machine(PACKAGES), flush=True)
    with stores(os.environ.get("DATABASE_URL")) as made:
        sent, taken = _sent(made, asked.repeat), _taken(made, asked.repeat)
    print(f"\nMedians of {asked.repeat}\n{_printed(sent, taken)}")
    for name, package in NEEDED.items():
        if not _here(name):
            print(f"Left out: {name}; {package} is not installed: pip install {package}")
    print(f"\n{_judged(sent, taken)}")
    return 0
