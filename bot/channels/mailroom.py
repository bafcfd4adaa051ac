"""Letters to pages: kept in the store until the page has them, and announced to the pages that are open."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import TypeAdapter
from sqlmodel import col, func, select

from bot.channels import Parcel
from bot.conversation.desk import Desk
from bot.conversation.message import Reply
from models.mailbox import Letter
from models.store import insert_once, reading, transaction

REPLY = TypeAdapter(Reply)


class Mailroom:
    """Puts letters in, and rings at the pages whose residents have a new one, in whichever process it was put in."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._last = desk, 0
        self.open = True
        self._bells: dict[int, set[asyncio.Event]] = defaultdict(set)

    async def put(self, parcels: Sequence[Parcel]) -> None:
        await asyncio.to_thread(self._put, parcels)
        self.ring([p.resident_id for p in parcels])

    def _put(self, parcels: Sequence[Parcel]) -> None:
        now = self._desk.now()
        rows = [
            {
                "community_id": p.community_id,
                "key": p.key,
                "resident_id": p.resident_id,
                "reply": REPLY.dump_python(p.reply, mode="json"),
                "at": now,
            }
            for p in parcels
        ]
        with transaction(self._desk.engine, None, now) as db:
            db.connection().execute(insert_once(Letter, self._desk.engine.dialect.name), rows)

    def ring(self, residents: Sequence[int]) -> None:
        for resident in residents:
            for bell in self._bells.get(resident, ()):
                bell.set()

    @contextmanager
    def bell(self, resident: int) -> Iterator[asyncio.Event]:
        """Rings when a letter for the resident has come."""
        bell = asyncio.Event()
        self._bells[resident].add(bell)
        try:
            yield bell
        finally:
            self._bells[resident].discard(bell)
            if not self._bells[resident]:
                del self._bells[resident]

    async def close(self, _: object = None) -> None:
        """Let every open page go: it comes back by itself to whoever answers next."""
        self.open = False
        self.ring(list(self._bells))

    async def look(self) -> None:
        """Ring for letters another process put in; called by the clock while any page is open."""
        if self._bells:
            self.ring(await asyncio.to_thread(self._newer))

    def _newer(self) -> list[int]:
        with reading(self._desk.engine, None) as db:
            newest = db.exec(select(func.max(Letter.id))).one() or 0
            if newest == self._last:
                return []
            fresh = list(db.exec(select(Letter.resident_id).where(col(Letter.id) > self._last).distinct()))
        self._last = newest
        return fresh
