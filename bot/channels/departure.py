"""Leaving on the instant that was kept free for it, or not at all."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

LATE = timedelta(milliseconds=40)  # a departure missed by more would run into the next ones


async def reached(departure: datetime, now: Callable[[], datetime]) -> bool:
    """Wait until then (UTC); False if it is already missed, and has to be reserved anew."""
    await asyncio.sleep(max(0.0, (departure - now()).total_seconds()))
    return now() - departure <= LATE
