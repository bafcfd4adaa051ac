"""The pace of one bot, kept together with every other process that sends for it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from bot.channels import TryLater
from bot.channels.departure import reached
from models import pace
from models.store import transaction


class Pacer:
    """Gives departures; `now` is the wall clock (UTC), which the processes of one bot have to agree on."""

    def __init__(self, engine: Engine, bot: str, now: Callable[[], datetime], rate: float = pace.RATE) -> None:
        self._engine, self._bot, self._now, self._rate = engine, bot, now, rate
        self._silent: dict[str, datetime] = {}  # until when, by chat; "" is the bot

    async def reserve(self, chats: Sequence[str], *, bulk: bool) -> list[datetime | TryLater]:
        """A departure each; bulk, at most `pace.BLOCK` chats at once, waits here until the line is nearly free."""
        while True:
            try:
                found = await asyncio.to_thread(self._reserve, chats, bulk)
            except pace.Busy as busy:
                await asyncio.sleep(busy.seconds)
                continue
            return [TryLater(f.total_seconds(), "its pace") if isinstance(f, timedelta) else f for f in found]

    def _reserve(self, chats: Sequence[str], bulk: bool) -> list[datetime | timedelta]:
        with transaction(self._engine, None) as db:
            return pace.reserve(db, self._bot, chats, self._now, bulk=bulk, rate=self._rate)

    async def turn(self, chat: str) -> None:
        """Wait for a departure of its own, as a reply does; raises TryLater when it does not come soon."""
        while True:
            (departure,) = await self.reserve([chat], bulk=False)
            if isinstance(departure, TryLater):
                raise departure
            if await self.until(departure):
                return self.check(chat)

    async def until(self, departure: datetime) -> bool:
        """Wait; False if the departure was missed, and has to be reserved anew."""
        return await reached(departure, self._now)

    def check(self, chat: str) -> None:
        """Asked at the very last: raises TryLater while silence is kept, though the departure was reserved before."""
        now = self._now()
        left = max((self._silent.get(key, now) - now).total_seconds() for key in ("", chat))
        if left > 0:
            raise TryLater(left, "its pace")

    async def halted(self, chat: str, seconds: float) -> None:
        """Telegram asked for silence, in answer to a message to this chat."""
        now = self._now()
        until = now + timedelta(seconds=seconds)
        self._silent = {c: u for c, u in self._silent.items() if u > now}
        self._hush(chat, until)
        if await asyncio.to_thread(self._halt, chat, now, until):
            self._hush("", until)

    def _hush(self, chat: str, until: datetime) -> None:
        self._silent[chat] = max(until, self._silent.get(chat, until))

    def _halt(self, chat: str, now: datetime, until: datetime) -> bool:
        with transaction(self._engine, None, now) as db:
            return pace.halt(db, self._bot, chat, now, until)
