"""One channel's lanes of the outbox: a loop of their own, so that a slow channel never holds up another."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from bot.channels import Channel, Parcel, TryLater
from bot.conversation.desk import Desk
from scheduler.claim import Claimed, claim, next_due
from scheduler.departing import Departing
from scheduler.settle import settle

log = logging.getLogger(__name__)
AHEAD = timedelta(milliseconds=100)  # claimed and worded this long before it is due, to leave on the instant
NAP = 1.0  # seconds between looks when nobody wakes us: another process may owe something
MOST = 500  # taken at once: their wording is held in memory
PARTING = 10.0  # seconds that what is on the wire is waited for when we are stopped
A_MOMENT = 60  # taken at once where each waits for its turn: some two seconds' worth, so that all is judged late


class Lanes:
    """Claims from the lanes of one channel and sends; `stir` is called when something was found to belong to another."""

    def __init__(self, desk: Desk, channel: Channel, stir: Callable[[], None]) -> None:
        self._desk, self._channel, self._stir = desk, channel, stir
        self._departing = Departing(desk, channel)
        self._most = MOST if channel.repeats_safely else A_MOMENT
        self.woken = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; what is on the wire by then is still settled."""
        try:
            while True:
                self.woken.clear()
                try:
                    taken = await self._take()
                    pause = 0.0 if taken >= self._most else await self._pause()
                except Exception:
                    log.exception("a round of the outbox failed; the next one goes on")
                    pause = NAP
                if pause:
                    try:
                        await asyncio.wait_for(self.woken.wait(), pause)
                    except TimeoutError:
                        continue
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(PARTING):
                    await self._departing.all_settled()

    async def round(self) -> int:
        """Send what is due by now or in a moment; returns how many were taken, or moved to another lane."""
        taken = await self._take()
        await self._departing.all_settled()
        return taken

    async def _pause(self) -> float:
        due = await asyncio.to_thread(lambda: next_due(self._desk.engine, self._names()))
        return min(NAP, max(0.001, (due - AHEAD - self._desk.now()).total_seconds())) if due else NAP

    def _names(self) -> list[str]:
        return [f"{self._channel.name}:{account}" for account in self._channel.accounts()]

    async def _take(self) -> int:
        now = self._desk.now()
        found = await asyncio.to_thread(self._claim, now)
        if found.moved:
            self._stir()
        if self._channel.repeats_safely:
            await self._send_together(found.parcels, now)
        else:
            await self._departing.send(found.parcels)
        return len(found.parcels) + sum(map(len, found.moved.values()))

    def _claim(self, now: datetime) -> Claimed:
        return claim(self._desk.engine, self._desk.communities, now, self._names(), self._most, AHEAD)

    async def _send_together(self, parcels: Sequence[Parcel], now: datetime) -> None:
        batches: dict[datetime, list[Parcel]] = {}
        for parcel in parcels:
            batches.setdefault(max(parcel.due_at, now), []).append(parcel)
        await asyncio.gather(*(self._batch(due, several) for due, several in batches.items()))

    async def _batch(self, due: datetime, parcels: list[Parcel]) -> None:
        await asyncio.sleep(max(0.0, (due - self._desk.now()).total_seconds()))
        for start in range(0, len(parcels), self._channel.wave):
            wave = parcels[start : start + self._channel.wave]
            outcomes: Sequence[Exception | None]
            try:
                outcomes = await self._channel.send(wave)
            except Exception:
                log.exception("the channel %s failed", self._channel.name)
                outcomes = [TryLater()] * len(wave)
            await asyncio.to_thread(settle, self._desk.engine, wave, outcomes, self._desk.now())
