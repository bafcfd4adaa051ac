"""How late 500 reminders come and how long the event loop stands still meanwhile; one JSON line a measurement."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

PENDING = 100_000  # due on another day
AT_ONCE = 500  # due at one instant
AHEAD = 2.0  # seconds before that instant that everything stands ready


@dataclass(frozen=True)
class Punctual:
    """Seconds."""

    late: float  # the last of those due at one instant
    stall: float  # the longest that the event loop stood still
    gone: int  # how many of those due came
    add: float  # one reminder, by the ordinary call, durable by itself
    together: float = 0.0  # one of many, by the ordinary call, in one transaction; 0 where that does not exist
    bulk: float = 0.0  # one of many rows of one INSERT; 0 where that does not exist
    everybody: float = 0.0  # one of 10,000 owed to a whole community by the store itself


class Stall:
    """Measures the longest gap between two ticks of the event loop."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before - 0.001), now

    def stop(self) -> float:
        self._task.cancel()
        return self.longest


async def all_gone(times: Sequence[float], until: float) -> None:
    """Wait for the one that came first and the last, but no longer than `until` (time.time), and for what is written down after it."""
    while len(times) <= AT_ONCE and time.time() < until:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.25)


def to_line(found: Punctual) -> str:
    return json.dumps(asdict(found))


def from_line(line: str) -> Punctual:
    return Punctual(**json.loads(line))
