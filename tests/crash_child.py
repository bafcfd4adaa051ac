"""A process to be killed: the real worker, outbox and clock on a store, over a wire that cannot repeat itself.

It is told what to do over a socket, a JSON object a line: first `{"now": …}`, the time it is to be, and it opens
the store; then messages `{"n": …, "community": …, "user": …, "id": …, "text": …}`, each answered with its n once
the replies are there; at last `{"drain": true}`, answered when nothing is owed any more.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from aiohttp import web
from sqlmodel import col, func, select

import handlers  # noqa: F401  (they enter themselves in the register)
from bot.channels import Parcel, TryLater
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Message
from bot.conversation.worker import Worker
from models.outbox import Post, Push
from models.store import connect, reading
from scheduler.claim import reclaim
from scheduler.clock import ticking
from scheduler.outbox import Outbox


class Paper:
    """A channel that writes each delivery down, durably, before it says that it is delivered."""

    name, wave, repeats_safely = "wire", 1, False

    def __init__(self, path: str, now: Callable[[], datetime]) -> None:
        self._now = now
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def accounts(self) -> Sequence[str]:
        return ["hongmei"]

    def routes(self) -> list[web.RouteDef]:
        return []

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        return [self._now()] * len(parcels)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        await asyncio.to_thread(self._write, parcels)
        return [None] * len(parcels)

    def _write(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            line = json.dumps({"key": parcel.key, "text": parcel.reply.text})
            os.write(self._file, f"{line}\n".encode())
        os.fsync(self._file)


def running_from(store: str, now: datetime) -> Desk:
    started = time.monotonic()
    engine = connect(store)
    return Desk(engine, Communities(engine), lambda: now + timedelta(seconds=time.monotonic() - started))


async def hear(worker: Worker, said: dict[str, str], answer: asyncio.StreamWriter) -> None:
    message = Message(said["id"], Address("wire", "hongmei", said["user"]), said["text"])
    if await worker.answer(int(said["community"]), message):
        answer.write(f"{said['n']}\n".encode())


async def drained(desk: Desk, answer: asyncio.StreamWriter) -> None:
    owed = select(func.count()).select_from(Push).where(col(Push.state).in_([Post.WAITING, Post.SENDING]))
    while True:
        with reading(desk.engine, None) as db:
            if db.exec(owed).one() == 0:
                return answer.write(b"drained\n")
        await asyncio.sleep(0.02)


async def work(store: str, deliveries: str, ours: socket.socket) -> None:
    told, answer = await asyncio.open_connection(sock=ours)
    desk = running_from(store, datetime.fromisoformat(json.loads(await told.readline())["now"]))
    reclaim(desk.engine, desk.now())
    outbox, tasks = Outbox(desk, [Paper(deliveries, desk.now)]), set()
    desk.wake = outbox.wake
    async with Worker(desk) as worker, ticking(desk, outbox):
        while line := await told.readline():
            said = json.loads(line)
            tasks.add(asyncio.create_task(drained(desk, answer) if "drain" in said else hear(worker, said, answer)))
    desk.engine.dispose()
    answer.close()


def live(store: str, deliveries: str, ours: socket.socket) -> None:
    """Until the socket is closed, or until it is killed."""
    asyncio.run(work(store, deliveries, ours))
