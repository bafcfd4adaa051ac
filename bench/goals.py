"""The ratios that our goals name, and whether each is met."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.figures import Turns, table, verdict
from bench.start import Start


def judged(found: Mapping[str, Turns], starts: Sequence[Start]) -> str:
    """One line a goal: "≥" goals first, then what must stay small."""
    rate = {name: turns.rate for name, turns in found.items()}
    bare, http = rate["sqlite3 bare, a commit a turn"], rate["HTTP: ours, 64"]
    postgres = rate["ours, PostgreSQL, 64 in flight"]
    slow = found["HTTP: ours, 64"].p99 / found["HTTP: PTB, durable by hand, 64"].p99
    rows = [
        ("in process, SQLite, 64 in flight ÷ sqlite3 bare, a commit a turn",
         verdict(rate["ours, SQLite, 64 in flight"] / bare, {"floor": 0.5, "aim": 2})),
        ("in process, PostgreSQL, 64 in flight ÷ psycopg bare, a commit a turn, 1 client",
         verdict(postgres / rate["psycopg bare, a commit a turn, 1 client"], {"aim": 1})),
        ("the same ÷ 8 clients", verdict(postgres / rate["psycopg bare, a commit a turn, 8 clients"], {})),
        ("HTTP, 64 ÷ PTB durable by hand", verdict(http / rate["HTTP: PTB, durable by hand, 64"], {"floor": 1})),
        ("HTTP, 64 ÷ PTB in memory", verdict(http / rate["HTTP: PTB, in memory, 64"], {"aim": 2})),
        ("p99, HTTP, 64 ÷ PTB durable by hand", verdict(slow, {"goal": 0.2}, at_most=True)),
    ]  # fmt: skip
    if starts:
        cold = median(s.answered / s.imports for s in starts)
        seconds = f"{median(s.answered for s in starts):.2f} s ÷ {median(s.imports for s in starts):.2f} s"
        rows += [
            (f"cold start to the first answer ÷ importing the libraries ({seconds})",
             verdict(cold, {"aim": 1.5}, at_most=True)),
            ("resident memory of an idle server with twelve packs, MB",
             verdict(median(s.megabytes for s in starts), {"aim": 150}, at_most=True)),
        ]  # fmt: skip
    return table(rows, right=False)
