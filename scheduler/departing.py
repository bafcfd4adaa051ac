"""Where a repeat would be heard twice: each parcel leaves at a departure of its own, its attempt marked before."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any

from bot.channels import Channel, Parcel, TryLater, Uncertain
from bot.channels.departure import reached
from bot.conversation.desk import Desk
from scheduler.claim import mark_attempt, release
from scheduler.settle import settle

log = logging.getLogger(__name__)
IN_FLIGHT = 64  # between their mark and their settling at once: as many may become uncertain when we die
AGAIN = 1.0  # seconds until outcomes are written down once more when the store is away


class Departing:
    """Parcels of one channel from being claimed to being settled."""

    def __init__(self, desk: Desk, channel: Channel) -> None:
        self._desk, self._channel = desk, channel
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._busy: set[asyncio.Task[None]] = set()
        self._landed: list[tuple[Parcel, Exception | None]] = []

    async def send(self, parcels: Sequence[Parcel]) -> None:
        """Returns when the last has its departure; they arrive while more are claimed."""
        left = list(parcels)
        try:
            while left:
                for _ in left[: self._channel.wave]:
                    await self._room.acquire()
                wave, left = left[: self._channel.wave], left[self._channel.wave :]
                # what has begun is brought to its end even when we are stopped: no mark is left alone
                await asyncio.shield(self._start(self._depart(wave)))
        finally:
            if left:
                ids = [p.push_id for p in left]
                await asyncio.to_thread(release, self._desk.engine, ids, self._desk.now())

    async def all_settled(self) -> None:
        while self._busy:
            await asyncio.wait(self._busy)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        return task

    async def _depart(self, wave: list[Parcel]) -> None:
        """Reserve, then mark, then go; what is not to go now leaves its place to others."""
        await asyncio.sleep(max(0.0, (max(p.due_at for p in wave) - self._desk.now()).total_seconds()))
        turns = list(zip(wave, await self._reserve(wave), strict=True))
        going = [p.push_id for p, turn in turns if isinstance(turn, datetime)]
        try:
            marked = await asyncio.to_thread(self._mark, going)
        except Exception:
            log.exception("an attempt could not be marked; it is for whoever takes it next")
            marked = set()
        for parcel, turn in turns:
            if isinstance(turn, TryLater):
                self._land(parcel, turn)
            elif parcel.push_id in marked:
                self._start(self._leave(parcel, turn))
            else:
                self._room.release()

    def _mark(self, going: list[int]) -> set[int]:
        return mark_attempt(self._desk.engine, going, self._desk.now()) if going else set()

    async def _reserve(self, wave: Sequence[Parcel]) -> list[datetime | TryLater]:
        try:
            return await self._channel.reserve(wave)
        except Exception:
            log.exception("the channel %s has no departures", self._channel.name)
            return [TryLater(why="no departure")] * len(wave)

    async def _leave(self, parcel: Parcel, departure: datetime) -> None:
        while not await reached(departure, self._desk.now):
            (turn,) = await self._reserve([parcel])
            if isinstance(turn, TryLater):
                return self._land(parcel, turn)
            departure = turn
        outcome: Exception | None
        try:
            (outcome,) = await self._channel.send([parcel])
        except Exception as failure:
            log.exception("the channel %s failed", self._channel.name)
            outcome = Uncertain(type(failure).__name__)
        self._land(parcel, outcome)

    def _land(self, parcel: Parcel, outcome: Exception | None) -> None:
        """Settled with all that land while others are being settled; nothing waits for company."""
        self._landed.append((parcel, outcome))
        if len(self._landed) == 1:
            self._start(self._settle())

    async def _settle(self) -> None:
        while self._landed:
            landed = list(self._landed)
            parcels, outcomes = [parcel for parcel, _ in landed], [outcome for _, outcome in landed]
            try:
                await asyncio.to_thread(settle, self._desk.engine, parcels, outcomes, self._desk.now())
            except Exception:
                log.exception("%d outcomes could not be written down; they will be", len(landed))
                await asyncio.sleep(AGAIN)
                continue
            del self._landed[: len(landed)]
            for _ in landed:
                self._room.release()
