"""Letters whose turn was not done in time: written down before WeChat was told "success", until they are answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from pydantic import TypeAdapter

from bot.channels.wechat.accounts import Account
from bot.channels.wechat.letter import Letter
from bot.conversation.desk import Desk
from models.store import transaction
from models.wechat_late import forget_late, keep_late, take_late

log = logging.getLogger(__name__)
LETTER = TypeAdapter(Letter)
LEASE = timedelta(minutes=1)  # for whoever is answering it, before another takes it up
LOOK = 5.0  # seconds between looks for letters of a process that died


class Late:
    def __init__(self, desk: Desk, account: Account) -> None:
        self._desk, self._account = desk, account

    async def keep(self, letter: Letter) -> None:
        """From now on it is ours: WeChat brings it no more."""
        await asyncio.to_thread(self._keep, letter)

    def _keep(self, letter: Letter) -> None:
        now, appid = self._desk.now(), self._account.appid
        with transaction(self._desk.engine, None, now) as db:
            keep_late(db, appid, letter.identity, LETTER.dump_python(letter, mode="json"), now + LEASE)

    async def done(self, letter: Letter) -> None:
        await asyncio.to_thread(self._done, letter)

    def _done(self, letter: Letter) -> None:
        with transaction(self._desk.engine, None) as db:
            forget_late(db, self._account.appid, letter.identity)

    async def run(self, answer: Callable[[Letter], Awaitable[None]]) -> None:
        """Take up what a process that died has left behind."""
        while True:
            try:
                for letter in await asyncio.to_thread(self._overdue):
                    await answer(letter)
                    await self.done(letter)
            except Exception:
                log.exception("a late letter was not answered; it will be tried again")
            await asyncio.sleep(LOOK)

    def _overdue(self) -> list[Letter]:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            return [LETTER.validate_python(kept) for kept in take_late(db, self._account.appid, LEASE)]
