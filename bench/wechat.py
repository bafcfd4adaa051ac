"""Encrypted requests of WeChat's, each a durable turn, beside WeRoBot with its SQLite session and no encryption.

Every figure is the median of several runs, each in fresh processes on a fresh store, the rows taken in turn.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.dialogue import STEPS
from bench.figures import Turns, from_line, machine, middle, spread, table, verdict
from bench.house import kept
from bench.wechat_house import fresh, furnished, our_server, peer_server
from models.store import connect

PACKAGES = ("sqlmodel", "sqlalchemy", "aiohttp", "cryptography")
OURS, PEER = "ours, encrypted", "WeRoBot, in plain"
CONNECTIONS = {1: 19, 64: 10}  # dialogues of each


def _pressed(mode: str, port: int, connections: int) -> Turns:
    dialogues = CONNECTIONS[connections]
    command = [sys.executable, "-m", "bench.wechat_load", mode, str(port), str(connections), str(dialogues)]
    return from_line(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _ours(template: Path, connections: int, number: int) -> Turns:
    """Raises if the store does not hold every message and every report."""
    url = fresh(template, number)
    with our_server(url, template.parent) as port:
        found = _pressed("safe", port, connections)
    engine, reports = connect(url), connections * (CONNECTIONS[connections] + 1)
    if kept(engine) != (reports * STEPS, reports):
        raise RuntimeError(f"the store holds {kept(engine)}, not {reports} reports")
    engine.dispose()
    return found


def _peer(python: str, folder: Path, connections: int, number: int) -> Turns:
    with peer_server(python, folder, number) as port:
        return _pressed("plain", port, connections)


def _measured(repeat: int, python: str) -> dict[str, list[Turns]]:
    found: dict[str, list[Turns]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="linlifang-bench-") as name:
        folder, number = Path(name), 0
        template = furnished(folder)
        for _ in range(repeat):
            for connections in CONNECTIONS:
                number += 1
                found[f"{OURS}, {connections}"].append(_ours(template, connections, number))
                if python:
                    found[f"{PEER}, {connections}"].append(_peer(python, folder, connections, number))
    return found


def _version(python: str) -> str:
    """Of the WeRoBot that a Python has, "" for none."""
    asked = "import waitress, werobot; print(werobot.__version__)"
    told = subprocess.run([python, "-c", asked], capture_output=True, text=True)
    return told.stdout.strip()


def _judged(found: dict[str, Turns]) -> str:
    rows = []
    for connections in CONNECTIONS:
        ours, peer = found[f"{OURS}, {connections}"], found[f"{PEER}, {connections}"]
        goals = {"aim": 2} if connections > 1 else {}
        rows.append((f"requests a second, {connections} ÷ WeRoBot", verdict(ours.rate / peer.rate, goals)))
        rows.append((f"p99, {connections} ÷ WeRoBot", verdict(ours.p99 / peer.p99, {})))
    return table(rows, right=False)


def run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench wechat", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--werobot", default=sys.executable, metavar="PYTHON", help="a Python that has WeRoBot")
    asked = parser.parse_args(arguments)
    print(machine(PACKAGES), flush=True)
    version = _version(asked.werobot)
    found = _measured(asked.repeat, asked.werobot if version else "")
    medians = {name: middle(several) for name, several in found.items()}
    rows = [("", "requests/s", "[least .. most]", "p50 ms", "p99 ms")]
    rows += [(n, f"{t.rate:,.0f}", spread(found[n]), f"{t.p50:.2f}", f"{t.p99:.2f}") for n, t in medians.items()]
    print(f"\nMedians of {asked.repeat}\n{table(rows)}")
    if version:
        print(f"WeRoBot {version}, by waitress\n\n{_judged(medians)}")
    else:
        print("Left out: WeRoBot; pip install werobot waitress into an environment of its own, --werobot its python")
    return 0
