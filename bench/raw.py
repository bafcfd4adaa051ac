"""What the store can do at best for such a turn, without any engine: sqlite3 and psycopg 3, bare."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg

from bench.dialogue import STEPS, said
from bench.figures import Turns, measured

SCHEMA: tuple[LiteralString, ...] = (
    "CREATE TABLE bare_heard (key TEXT PRIMARY KEY, said TEXT NOT NULL, replies TEXT NOT NULL)",
    "CREATE TABLE bare_dialogue (resident_id BIGINT PRIMARY KEY, state TEXT NOT NULL)",
    "CREATE TABLE bare_ticket (id BIGINT PRIMARY KEY, resident_id BIGINT NOT NULL, content TEXT NOT NULL)",
    "CREATE TABLE bare_push (key TEXT PRIMARY KEY, resident_id BIGINT NOT NULL, facts TEXT NOT NULL)",
)
HEAR: LiteralString = "INSERT INTO bare_heard VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
LOAD: LiteralString = "SELECT state FROM bare_dialogue WHERE resident_id = ?"
SAVE: LiteralString = (
    "INSERT INTO bare_dialogue VALUES (?, ?) ON CONFLICT (resident_id) DO UPDATE SET state = excluded.state"
)
OPEN: LiteralString = "INSERT INTO bare_ticket VALUES (?, ?, ?)"
OWE: LiteralString = "INSERT INTO bare_push VALUES (?, ?, ?)"
STATE = json.dumps({"service": "repair", "answers": {"category": "lighting", "description": "3幢楼道的灯坏了好几天"}})
REPLY = json.dumps([{"text": "记下了。方便的话发张照片，师傅来之前就知道带什么。", "choices": [["1.0", "跳过"]]}])
FACTS = json.dumps({"number": 1, "description": "3幢楼道的灯坏了好几天", "place": "3幢", "until": "2026-11-23T00:00Z"})
Execute = Callable[..., Any]
Message = tuple[int, str, str]


def write(execute: Execute, message: Message, number: int, sql: Callable[[LiteralString], LiteralString]) -> None:
    """The rows of one turn; every fifth opens a ticket and owes a push."""
    resident, key, text = message
    execute(sql(HEAR), (key, text, REPLY))
    execute(sql(LOAD), (resident,)).fetchone()
    execute(sql(SAVE), (resident, STATE))
    if number % STEPS == 0:
        execute(sql(OPEN), (number, resident, FACTS))
        execute(sql(OWE), (key, resident, FACTS))


async def sqlite(url: str, group: int, dialogues: int) -> Turns:
    """`group` turns a commit, FULL, on a file of its own."""
    db = sqlite3.connect(url.removeprefix("sqlite:///") + ".bare", isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", *SCHEMA):
        db.execute(statement)
    lines = list(said(range(64), range(dialogues)))
    seconds, began = [], time.perf_counter()
    for start in range(0, len(lines), group):
        at = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        for number, message in enumerate(lines[start : start + group], start):
            write(db.execute, message, number, lambda statement: statement)
        db.execute("COMMIT")
        seconds.append(time.perf_counter() - at)
    took = time.perf_counter() - began
    db.close()
    return measured(seconds, took, len(lines))


async def postgresql(url: str, clients: int, dialogues: int) -> Turns:
    """One transaction a turn, by so many connections, each in a thread of its own."""
    with psycopg.connect(url, autocommit=True) as db:
        for statement in SCHEMA:
            db.execute(statement)
    lines = list(enumerate(said(range(64), range(dialogues))))
    seconds: list[float] = []

    def work(mine: list[tuple[int, Message]]) -> None:
        with psycopg.connect(url, autocommit=True) as db:
            for number, message in mine:
                at = time.perf_counter()
                with db.transaction():
                    write(db.execute, message, number, lambda statement: statement.replace("?", "%s"))
                seconds.append(time.perf_counter() - at)

    threads = [threading.Thread(target=work, args=(lines[n::clients],)) for n in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return measured(seconds, time.perf_counter() - began)
