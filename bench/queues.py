"""Many owed at once, and many taken: our outbox beside the bare statement, and beside a queue that others built."""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from sqlalchemy import Engine, insert, text
from sqlalchemy.engine import make_url

from bench.house import SLUG
from bench.pushes import Nowhere
from bot.app import open_desk
from bot.settings import Settings
from models.ids import new_id
from models.outbox_bulk import push_to_all
from models.resident import Account, Resident, Role
from models.store import table_of, transaction
from scheduler.outbox import Outbox

BARE = text("""
INSERT INTO push (resident_id, "key", community_id, about, text_key, facts, choices, urgent, lane, state, due_at, tries)
SELECT id, 'bare:' || CAST(id AS TEXT), community_id, '', 'notice.notice', '{"text":"明天停水"}', '[]', false, '',
       'waiting', :now, 0
FROM resident WHERE community_id = :ours AND origin LIKE 'crowd:%'
""")


@dataclass(frozen=True)
class Rate:
    """So many a second."""

    rate: float


def from_line(line: str) -> Rate:
    return Rate(**json.loads(line))


def to_line(found: Rate) -> str:
    return json.dumps(asdict(found))


class Singly(Nowhere):
    """A channel where repeats would be heard: each attempt is marked first."""

    repeats_safely, wave = False, 50


def crowd(engine: Engine, community: int, number: int, channel: str, first: int = 0) -> None:
    """So many residents, each with an account whose user is a number, and no quiet hours."""
    same: dict[str, Any] = {"community_id": community}
    awake: dict[str, Any] = same | {"role": Role.MANAGER, "quiet_from": 0, "quiet_until": 0}
    begin = new_id()
    who = [Resident(id=begin + n, origin=f"crowd:{n}", **awake) for n in range(number)]
    at: dict[str, Any] = same | {"channel": channel, "account": SLUG}
    reached = [Account(id=begin + n, user=str(first + n), resident_id=r.id, **at) for n, r in enumerate(who)]
    with transaction(engine, community) as db:
        for table, rows in ((Resident, who), (Account, reached)):
            db.connection().execute(insert(table_of(table)), [row.model_dump() for row in rows])


async def addressed(url: str, number: int) -> Rate:
    desk = open_desk(Settings(database_url=url))
    community = desk.communities[SLUG].id
    crowd(desk.engine, community, number, "web")
    began = time.perf_counter()
    with transaction(desk.engine, community) as db:
        owed = push_to_all(db, "ours", "notice.notice", {"text": "明天停水"}, role=Role.MANAGER)
    return Rate(owed / (time.perf_counter() - began))


async def addressed_bare(url: str, number: int) -> Rate:
    desk = open_desk(Settings(database_url=url))
    community = desk.communities[SLUG].id
    crowd(desk.engine, community, number, "web")
    began = time.perf_counter()
    with desk.engine.begin() as connection:
        owed = connection.execute(BARE, {"now": datetime.now(UTC), "ours": community}).rowcount
    return Rate(owed / (time.perf_counter() - began))


async def settled(url: str, number: int) -> Rate:
    """Claimed, worded, sent and settled by waves, as the web chat's pushes are."""
    return await _drained(url, number, Nowhere())


async def settled_singly(url: str, number: int) -> Rate:
    """The same with every attempt marked, as Telegram's are, but without its pace."""
    return await _drained(url, number, Singly())


async def _drained(url: str, number: int, nowhere: Nowhere) -> Rate:
    desk = open_desk(Settings(database_url=url))
    community = desk.communities[SLUG].id
    crowd(desk.engine, community, number, "web")
    with transaction(desk.engine, community) as db:
        push_to_all(db, "ours", "notice.notice", {"text": "明天停水"}, role=Role.MANAGER)
    outbox = Outbox(desk, [nowhere])
    began = time.perf_counter()
    while await outbox.round():
        pass
    took = time.perf_counter() - began
    if len(nowhere.came) != number:
        raise RuntimeError(f"{len(nowhere.came)} of {number} came")
    return Rate(number / took)


async def procrastinate(url: str, number: int) -> Rate:
    """The peer on PostgreSQL: jobs that do nothing, taken and finished by one worker."""
    peer = import_module("procrastinate")
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    app = peer.App(connector=peer.PsycopgConnector(conninfo=address))

    async def nothing(resident: int) -> None:
        """Nothing to do."""

    notice = app.task(nothing, name="notice")
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await notice.batch_defer_async(*({"resident": n} for n in range(number)))
        began = time.perf_counter()
        await app.run_worker_async(wait=False, concurrency=64, install_signal_handlers=False)
        return Rate(number / (time.perf_counter() - began))
