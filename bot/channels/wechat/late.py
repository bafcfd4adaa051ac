"""Letters whose turn was not done in time: written down before WeChat was told "success", until they are answered."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from bot.channels.wechat.accounts import Account
from bot.channels.wechat.letter import Letter
from bot.conversation.desk import Desk
from models.store import reading, transaction
from models.wechat_late import (
    WechatLate,
    answered_late,
    begin_late,
    is_late,
    keep_late,
    put_off_late,
    take_late,
)

log = logging.getLogger(__name__)
LETTER = TypeAdapter(Letter)
Answering = Callable[[Letter, bool], Awaitable[None]]  # told whether its answer may have arrived; ends with `done`
LEASE = timedelta(minutes=1)  # for whoever is answering it, before another takes it up
PATIENCE = timedelta(days=1)  # after which a letter that fails again is given up
LOOK = 5.0  # seconds between looks for letters of a process that died


class Late:
    def __init__(self, desk: Desk, account: Account) -> None:
        self._desk, self._account = desk, account

    async def has(self, letter: Letter) -> bool:
        """Whether it was kept, by whichever process: then it has its answer by another way."""
        return await asyncio.to_thread(self._has, letter.identity)

    def _has(self, identity: str) -> bool:
        with reading(self._desk.engine, None) as db:
            return is_late(db, self._account.appid, identity)

    async def keep(self, letter: Letter, until: float = math.inf) -> bool:
        """From now on it is ours: WeChat brings it no more.

        False where the store let us write only after `until`, a time of the loop's: WeChat has hung up by then.
        """
        return await asyncio.to_thread(self._keep, letter, until)

    def _keep(self, letter: Letter, until: float) -> bool:
        now, appid = self._desk.now(), self._account.appid
        with transaction(self._desk.engine, None, now) as db:
            if time.monotonic() > until:
                return False
            keep_late(db, appid, letter.identity, LETTER.dump_python(letter, mode="json"), now + LEASE)
        return True

    async def begin(self, letter: Letter) -> bool:
        """Mark that its answer sets out; False where that is another's to tell, or told already."""
        return await asyncio.to_thread(self._begin, letter.identity)

    def _begin(self, identity: str) -> bool:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            return begin_late(db, self._account.appid, identity)

    async def done(self, letter: Letter) -> None:
        await asyncio.to_thread(self._done, letter.identity)

    def _done(self, identity: str) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            answered_late(db, self._account.appid, identity)

    async def run(self, answer: Answering) -> None:
        """Take up what a process that died has left behind."""
        while True:
            try:
                await self.catch_up(answer)
            except Exception:
                log.exception("looking for late letters failed; it will be tried again")
            await asyncio.sleep(LOOK)

    async def catch_up(self, answer: Answering) -> None:
        """Answer what is overdue; a letter that fails holds up none behind it."""
        for late in await asyncio.to_thread(self._overdue):
            try:
                letter = LETTER.validate_python(late.letter)
            except ValidationError as failure:
                log.error("a late letter cannot be read and is given up: %d errors", failure.error_count())
                await asyncio.to_thread(self._done, late.identity)
                continue
            try:
                await answer(letter, late.told_at is not None)
            except Exception as failure:
                await self._failed(letter, failure)

    async def _failed(self, letter: Letter, failure: Exception) -> None:
        """Try it again when it has grown twice as old; a day later nobody waits for it any more."""
        age, why = self._desk.now() - letter.created_at, type(failure).__name__
        if age > PATIENCE:
            log.error("a late letter was not answered and is given up: %s", why)
            return await self.done(letter)
        log.warning("a late letter was not answered; it will be tried again: %s", why)
        await asyncio.to_thread(self._put_off, letter.identity, max(LEASE, age))

    def _put_off(self, identity: str, pause: timedelta) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            put_off_late(db, self._account.appid, identity, pause)

    def _overdue(self) -> Sequence[WechatLate]:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            return take_late(db, self._account.appid, LEASE)
