"""Send what we owe: claim with a lease, write the attempt down, send, settle. Safe to run in every process."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, update

from bot.channels import Channel, Parcel, TryLater, Uncertain, Unreachable
from bot.conversation.desk import Desk
from models.outbox import Post, Push
from models.resident import Account
from models.store import table_of, transaction
from scheduler.claim import MOST, claim, mark_attempt, next_due

log = logging.getLogger(__name__)
AHEAD = timedelta(milliseconds=100)  # claimed and worded this long before it is due, to leave on the instant
NAP = 1.0  # seconds between looks when nobody wakes us: another process may owe something
_push = table_of(Push)
_account = table_of(Account)


class Outbox:
    """Sends due pushes until stopped; `wake` makes it look at once."""

    def __init__(self, desk: Desk, channels: Mapping[str, Channel]) -> None:
        self._desk, self._channels = desk, channels
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self, due: datetime) -> None:
        """Called from any thread when something is owed from `due` on."""
        wait = max(0.0, (due - AHEAD - self._desk.now()).total_seconds())
        if wait < NAP:
            self._loop.call_soon_threadsafe(self._loop.call_later, wait, self._woken.set)

    def tick(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            try:
                sent = await self.round()
                pause = 0.0 if sent == MOST else await self._pause()
            except Exception:
                log.exception("a round of the outbox failed; the next one goes on")
                pause = NAP
            if pause:
                try:
                    await asyncio.wait_for(self._woken.wait(), pause)
                except TimeoutError:
                    continue

    async def _pause(self) -> float:
        due = await asyncio.to_thread(next_due, self._desk.engine)
        return min(NAP, max(0.001, (due - AHEAD - self._desk.now()).total_seconds())) if due else NAP

    async def round(self) -> int:
        """Send what is due by now or in a moment; returns how many were taken."""
        desk = self._desk
        now = desk.now()
        parcels = await asyncio.to_thread(claim, desk.engine, desk.communities, now, MOST, AHEAD)
        batches: dict[tuple[datetime, str], list[Parcel]] = {}
        for parcel in parcels:
            batches.setdefault((max(parcel.due_at, now), parcel.to.channel), []).append(parcel)
        await asyncio.gather(*(self._send(due, name, several) for (due, name), several in batches.items()))
        return len(parcels)

    async def _send(self, due: datetime, name: str, parcels: list[Parcel]) -> None:
        await asyncio.sleep(max(0.0, (due - self._desk.now()).total_seconds()))
        channel = self._channels.get(name)
        if channel is None:
            await self._settle(parcels, [TryLater(600, f"no channel {name} here")] * len(parcels))
            return
        for start in range(0, len(parcels), channel.wave):
            await self._wave(channel, parcels[start : start + channel.wave])

    async def _wave(self, channel: Channel, parcels: list[Parcel]) -> None:
        if not channel.repeats_safely:
            ids = [p.push_id for p in parcels]
            ours = await asyncio.to_thread(mark_attempt, self._desk.engine, ids, self._desk.now())
            parcels = [p for p in parcels if p.push_id in ours]
        if not parcels:
            return
        outcomes: Sequence[Exception | None]
        try:
            outcomes = await channel.send(parcels)
        except Exception as failure:
            log.exception("the channel %s failed", channel.name)
            outcomes = [TryLater() if channel.repeats_safely else Uncertain(type(failure).__name__)] * len(parcels)
        await self._settle(parcels, outcomes)

    async def _settle(self, parcels: list[Parcel], outcomes: Sequence[Exception | None]) -> None:
        await asyncio.to_thread(settle, self._desk.engine, parcels, outcomes, self._desk.now())


def settle(engine: Engine, parcels: Sequence[Parcel], outcomes: Sequence[Exception | None], now: datetime) -> None:
    """Write down how the sending went."""
    sent = [p.push_id for p, outcome in zip(parcels, outcomes, strict=True) if outcome is None]
    with transaction(engine, None, now) as db:
        execute = db.connection().execute
        if sent:
            execute(update(_push).where(_push.c.id.in_(sent)).values(state=Post.SENT, settled_at=now))
        for parcel, outcome in zip(parcels, outcomes, strict=True):
            if outcome is None:
                continue
            # what was taken back, or sent by another once our lease was over, stays as it is
            still_open = _push.c.state.in_([Post.SENDING, Post.UNCERTAIN])
            execute(update(_push).where(_push.c.id == parcel.push_id, still_open).values(**_outcome(outcome, now)))
            if isinstance(outcome, Unreachable):  # it waits again, for another address of the same person
                to = parcel.to
                at = (_account.c.channel == to.channel, _account.c.account == to.account, _account.c.user == to.user)
                execute(update(_account).where(*at).values(unreachable_at=now))


def _outcome(outcome: Exception, now: datetime) -> dict[str, object]:
    why = str(outcome) or type(outcome).__name__
    if isinstance(outcome, TryLater):
        return {"state": Post.WAITING, "due_at": now + timedelta(seconds=outcome.seconds), "failure": why}
    if isinstance(outcome, Unreachable):
        return {"state": Post.WAITING, "failure": why}
    return {"state": Post.UNCERTAIN, "settled_at": now, "failure": why}
