"""A sender to be killed: an outbox on a shared store, over a wire that cannot repeat itself."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from aiohttp import web

from bot.channels import Parcel, TryLater
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from models.store import connect
from scheduler.outbox import Outbox
from tests.conftest import NOON


class Telegraph:
    """Takes a while there and a while back; what is in the file has arrived, whatever becomes of us."""

    name, wave, repeats_safely = "telegraph", 20, False

    def __init__(self, path: str, now: Callable[[], datetime]) -> None:
        self._file, self._now = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), now

    def accounts(self) -> Sequence[str]:
        return ["hongmei"]

    def routes(self) -> list[web.RouteDef]:
        return []

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        return [self._now()] * len(parcels)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        await asyncio.sleep(random.uniform(0.002, 0.01))
        os.write(self._file, "".join(f"{p.key}\n" for p in parcels).encode())
        await asyncio.sleep(random.uniform(0.002, 0.01))
        return [None] * len(parcels)


def noon_since(began: float) -> Callable[[], datetime]:
    """The same time in every process, never in the night."""
    return lambda: NOON + timedelta(seconds=time.time() - began)


async def send(store: str, path: str, began: float) -> None:
    engine, now = connect(store), noon_since(began)
    desk = Desk(engine, Communities(engine), now)
    await Outbox(desk, [Telegraph(path, now)]).run()


def live(store: str, path: str, began: float) -> None:
    """Until it is killed."""
    asyncio.run(send(store, path, began))
