"""Replies that stay owed until they have left, for channels that tell by themselves (docs/decisions/0012).

A turn is committed with a note that its replies are owed for a minute to come; once they have left the note goes.
What a process could not tell is told by whoever looks for notes that are overdue.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from bot.conversation.desk import Desk
from models.resident import lose_touch
from models.store import reading, transaction
from models.telling import LEASE, Owed, Told, keep_owed, next_owed, take_owed, write_told

log = logging.getLogger(__name__)
MOST = 100  # owed replies taken up at once
LOOK = 5.0  # seconds between looks for them, at most
FRESH = timedelta(seconds=10)  # of a LEASE: a reply that has waited for longer is held anew before it is told
PAUSES = (0.5, 2.0, 10.0)  # seconds before it is written down again that a reply has left


class Owing:
    """The notes of one bot, account or app; `lanes` says which are its own: "telegram:hongmei"."""

    def __init__(self, desk: Desk, lanes: Callable[[], Sequence[str]], take_up: Callable[[Owed], None]) -> None:
        self._desk, self._lanes, self._take_up = desk, lanes, take_up

    async def holds(self, owed: Owed) -> bool:
        """Whether replies are still this process's to tell; held for another LEASE where they have waited."""
        late = owed.until - self._desk.now() < LEASE - FRESH
        return not late or await asyncio.to_thread(self._keep, owed)

    async def note(self, told: Told) -> None:
        """Write down what has left: unwritten, it would be told again."""
        for pause in PAUSES:
            try:
                return await asyncio.to_thread(self._write, told)
            except SQLAlchemyError as failure:
                log.warning("what was told is not written down yet: %s", type(failure).__name__)
                await asyncio.sleep(pause)
        await asyncio.to_thread(self._write, told)

    async def run(self) -> None:
        """Hand over what is overdue to `take_up`, until cancelled."""
        while True:
            try:
                pause = await self.catch_up()
            except Exception:
                log.exception("looking for owed replies failed; it will be tried again")
                pause = LOOK
            await asyncio.sleep(pause)

    async def catch_up(self) -> float:
        """Take up what is owed and overdue; returns the seconds until something may be again."""
        owed = await asyncio.to_thread(self._overdue)
        for one in owed:
            self._take_up(one)
        due = await asyncio.to_thread(self._next)
        return 0.0 if len(owed) == MOST else due

    def _keep(self, owed: Owed) -> bool:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            return keep_owed(db, owed)

    def _write(self, told: Told) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            write_told(db, [told])
            if told.lost:
                channel, account, user, _ = told.key.split(":", 3)
                lose_touch(db, channel, account, user)

    def _overdue(self) -> Sequence[Owed]:
        with reading(self._desk.engine, None) as db:
            due = next_owed(db, self._lanes())
        if due is None or due > self._desk.now():
            return []
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            return take_owed(db, self._lanes(), MOST)

    def _next(self) -> float:
        with reading(self._desk.engine, None) as db:
            due = next_owed(db, self._lanes())
        return min(LOOK, max(0.05, (due - self._desk.now()).total_seconds())) if due else LOOK
