"""Our reminders: pushes in the store, claimed and sent by the outbox to a channel that does nothing."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Engine, insert, select

from bench.house import SLUG
from bench.punctual import AHEAD, AT_ONCE, PENDING, Punctual, Stall, all_gone
from bot.app import SWITCH, open_desk
from bot.channels import Parcel, TryLater
from bot.settings import Settings
from models.outbox import Post, Push, push
from models.outbox_bulk import push_to_all
from models.resident import Account, Resident, Role
from models.store import table_of, transaction
from scheduler.outbox import Outbox

TEXT = "events.reminder"
FACTS: dict[str, Any] = {"title": "重阳节包饺子", "place": "居民议事厅"}
PUSHED = 10_000  # by push(), for its price
SINGLY = 200  # each in a transaction of its own


@dataclass
class Nowhere:
    """A channel that takes everything and sends nothing."""

    name: str = "web"
    wave: int = AT_ONCE
    repeats_safely: bool = True
    came: list[float] = field(default_factory=list)

    def accounts(self) -> Sequence[str]:
        return [SLUG]

    def routes(self) -> list[web.RouteDef]:
        return []

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        return [datetime.now(UTC)] * len(parcels)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        self.came += [time.time()] * len(parcels)
        return [None] * len(parcels)


def _rows(engine: Engine, number: int, due: datetime, prefix: str) -> tuple[int, list[dict[str, Any]]]:
    """A community, and pushes to its residents in turn."""
    at = table_of(Account)
    with engine.connect() as connection:
        found = connection.execute(select(at.c.resident_id, at.c.community_id).order_by(at.c.resident_id)).all()
    same: dict[str, Any] = {
        "about": "",
        "text_key": TEXT,
        "facts": FACTS | {"at": {"utc": due.isoformat()}},
        "choices": [],
    }
    same |= {"urgent": False, "state": Post.WAITING, "due_at": due, "tries": 0}
    residents = [{"resident_id": r.resident_id, "community_id": r.community_id} for r in found]
    return found[0].community_id, [
        same | residents[n % len(residents)] | {"key": f"{prefix}:{n}"} for n in range(number)
    ]


def _bulk(engine: Engine, number: int, due: datetime, prefix: str) -> float:
    """Seconds a push, all of them rows of one INSERT."""
    community_id, rows = _rows(engine, number, due, prefix)
    began = time.perf_counter()
    with transaction(engine, community_id) as db:
        db.connection().execute(insert(table_of(Push)), rows)
    return (time.perf_counter() - began) / number


def _pushed(engine: Engine, number: int, group: int, due: datetime, prefix: str) -> float:
    """Seconds a push() when so many share a transaction."""
    community_id, rows = _rows(engine, number, due, prefix)
    began = time.perf_counter()
    for start in range(0, number, group):
        with transaction(engine, community_id) as db:
            for row in rows[start : start + group]:
                push(db, row["key"], row["resident_id"], TEXT, due=due, at=due, **FACTS)
    return (time.perf_counter() - began) / number


def _to_all(engine: Engine, due: datetime) -> float:
    """Seconds a push when push_to_all() owes it to everybody of a community as large as PUSHED."""
    at = table_of(Resident)
    with engine.connect() as connection:
        community_id: int = connection.execute(select(at.c.community_id).limit(1)).scalar_one()
    people = [Resident(origin=f"bench:{n}", role=Role.RESIDENT, community_id=community_id) for n in range(PUSHED)]
    with transaction(engine, community_id) as db:
        db.connection().execute(insert(at), [person.model_dump() for person in people])
    began = time.perf_counter()
    with transaction(engine, community_id) as db:
        owed = push_to_all(db, "all", TEXT, FACTS | {"at": due}, due=due)
    return (time.perf_counter() - began) / owed


async def reminders(url: str, *_: int) -> Punctual:
    sys.setswitchinterval(SWITCH)  # as bot.app.application does
    desk = open_desk(Settings(database_url=url))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    bulk = _bulk(desk.engine, PENDING, tomorrow, "pending")
    together = _pushed(desk.engine, PUSHED, PUSHED, tomorrow, "together")
    add = _pushed(desk.engine, SINGLY, 1, tomorrow, "singly")
    everybody = _to_all(desk.engine, tomorrow)
    due = time.time() + AHEAD
    _bulk(desk.engine, 1, datetime.fromtimestamp(due - AHEAD / 2, UTC), "first")  # its statements are compiled by now
    _bulk(desk.engine, AT_ONCE, datetime.fromtimestamp(due, UTC), "due")
    nowhere = Nowhere()
    outbox = Outbox(desk, [nowhere])
    sending = asyncio.create_task(outbox.run())
    await asyncio.sleep(AHEAD * 3 / 4)
    stall = Stall()
    await all_gone(nowhere.came, due + 30)
    longest = stall.stop()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    desk.engine.dispose()
    return Punctual(max(nowhere.came) - due, longest, len(nowhere.came) - 1, add, together, bulk, everybody)
