"""Send what we owe: claim with a lease, send, settle; each channel by itself. Safe to run in every process."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bot.channels import Channel
from bot.conversation.desk import Desk
from scheduler.lanes import AHEAD, NAP, Lanes


class Outbox:
    """Sends due pushes until stopped; `wake` makes it look at once."""

    def __init__(self, desk: Desk, channels: Sequence[Channel]) -> None:
        self._desk, self._loop = desk, asyncio.get_running_loop()
        self._lanes = [Lanes(desk, channel, self.tick) for channel in channels]

    def wake(self, due: datetime) -> None:
        """Called from any thread when something is owed from `due` on."""
        wait = max(0.0, (due - AHEAD - self._desk.now()).total_seconds())
        if wait < NAP:
            self._loop.call_soon_threadsafe(self._loop.call_later, wait, self.tick)

    def tick(self) -> None:
        for lanes in self._lanes:
            lanes.woken.set()

    async def run(self) -> None:
        await asyncio.gather(*(lanes.run() for lanes in self._lanes))

    async def round(self) -> int:
        """Send what is due by now or in a moment; returns how many were taken, or moved to another lane."""
        return sum(await asyncio.gather(*(lanes.round() for lanes in self._lanes)))
