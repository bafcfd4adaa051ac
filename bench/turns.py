"""Durable turns of a five-message report through our engine, beside the bare store and python-telegram-bot.

Every figure is the median of several runs, each in a fresh process on a fresh store, taken in turn.
"""

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

from bench import ends
from bench.figures import Turns, from_line, machine, middle, spread, table
from bench.goals import judged
from bench.house import Stores, stores
from bench.start import Start, start

PACKAGES = ("sqlmodel", "sqlalchemy", "psycopg", "aiohttp", "python-telegram-bot", "apscheduler")
FOR_NAIVE = ("aiosqlite", "greenlet")
Measure = Callable[[Stores], Turns]


def _case(name: str, kind: str, in_flight: int, dialogues: int, made: Stores) -> Turns:
    arguments = [name, made.fresh(kind), str(in_flight), str(dialogues)]
    command = [sys.executable, "-m", "bench.case", *arguments]
    return from_line(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _ours_by_http(connections: int, dialogues: int, arguments: Sequence[str], made: Stores) -> Turns:
    return ends.ours(made.fresh("sqlite"), connections, dialogues, *arguments)


def _peer_by_http(durable: bool, connections: int, dialogues: int, made: Stores) -> Turns:
    store = made.fresh("sqlite").removeprefix("sqlite:///") + ".ptb"
    return ends.peer(store if durable else "", connections, dialogues)


def _measures() -> dict[str, Measure]:
    """Every row: its name, and how it is measured."""
    rows: dict[str, Measure] = {
        "sqlite3 bare, a commit a turn": partial(_case, "raw.sqlite", "sqlite", 1, 10),
        "sqlite3 bare, a commit a hundred turns": partial(_case, "raw.sqlite", "sqlite", 100, 100),
        "ours, SQLite, 1 in flight": partial(_case, "ours.turns", "sqlite", 1, 2),
        "ours, SQLite, 64 in flight": partial(_case, "ours.turns", "sqlite", 64, 6),
        "psycopg bare, a commit a turn, 1 client": partial(_case, "raw.postgresql", "postgresql", 1, 5),
        "psycopg bare, a commit a turn, 8 clients": partial(_case, "raw.postgresql", "postgresql", 8, 10),
        "ours, PostgreSQL, 1 in flight": partial(_case, "ours.turns", "postgresql", 1, 2),
        "ours, PostgreSQL, 64 in flight": partial(_case, "ours.turns", "postgresql", 64, 6),
        "PTB, durable by hand, 1 in flight": partial(_case, "ptb.durable", "sqlite", 1, 5),
        "PTB, durable by hand, 64 in flight": partial(_case, "ptb.durable", "sqlite", 64, 10),
        "PTB, in memory, 64 in flight": partial(_case, "ptb.memory", "sqlite", 64, 20),
    }
    if all(find_spec(name) for name in FOR_NAIVE):
        rows["AsyncSession a turn, 64 in flight"] = partial(_case, "naive.turns", "sqlite", 64, 2)
    return rows | {
        "HTTP: ours, 1 connection": partial(_ours_by_http, 1, 19, ("--without", "clock")),
        "HTTP: ours, 64": partial(_ours_by_http, 64, 6, ("--without", "clock")),
        "HTTP: ours, 64, and pushes are sent": partial(_ours_by_http, 64, 6, ()),
        "HTTP: PTB, durable by hand, 1 connection": partial(_peer_by_http, True, 1, 19),
        "HTTP: PTB, durable by hand, 64": partial(_peer_by_http, True, 64, 10),
        "HTTP: PTB, in memory, 64": partial(_peer_by_http, False, 64, 19),
    }


def _printed(found: dict[str, list[Turns]]) -> str:
    rows = [("", "turns/s", "[least .. most]", "p50 ms", "p99 ms")]
    for name, several in found.items():
        at = middle(several)
        alone = "a hundred" in name  # its milliseconds are a whole commit's
        times = ("", "") if alone else (f"{at.p50:.2f}", f"{at.p99:.2f}")
        rows.append((name, f"{at.rate:,.0f}", spread(several), *times))
    return table(rows)


def run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench turns", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--only", default="", help="only rows whose name contains this; no ratios")
    asked = parser.parse_args(arguments)
    print(machine(PACKAGES), flush=True)
    found: dict[str, list[Turns]] = defaultdict(list)
    starts: list[Start] = []
    with stores(os.environ.get("DATABASE_URL")) as made:
        for _ in range(asked.repeat):
            for name, measure in _measures().items():
                if asked.only in name:
                    found[name].append(measure(made))
            if not asked.only:
                starts.append(start(made.fresh("sqlite")))
    print(f"\nMedians of {asked.repeat}\n{_printed(found)}")
    if missing := [name for name in FOR_NAIVE if not find_spec(name)]:
        needed = " ".join(FOR_NAIVE)
        print(f"Left out: AsyncSession a turn; {', '.join(missing)} not installed: pip install {needed}")
    if not asked.only:
        print(f"\n{judged({name: middle(several) for name, several in found.items()}, starts)}")
    return 0
