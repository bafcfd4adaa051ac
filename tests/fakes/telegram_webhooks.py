"""Pushing updates: one at a time a chat, chats side by side, again and again until it is taken."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.fakes.telegram_limits import LOOPBACK
from tests.fakes.telegram_queue import Payload, Queue, Update

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


class Delivery(NamedTuple):
    """One attempt; status 0: no answer came."""

    at: float
    bot: int
    update_id: int
    url: str
    status: int


class Pushing:
    """What all couriers share and a test may set."""

    def __init__(self, perform: Callable[[int, Payload], Awaitable[None]]) -> None:
        self.retry_pauses: Sequence[float] = (0.05, 0.1, 0.2, 0.4, 0.8)
        self.timeout = 10.0
        self.deliveries: list[Delivery] = []
        self.perform = perform
        self.session = ClientSession()


class Courier:
    """Brings one bot's updates to its webhook; `targets` are the replicas behind that address, if told."""

    def __init__(self, bot: int, queue: Queue, pushing: Pushing) -> None:
        self.bot, self.queue, self.pushing = bot, queue, pushing
        self.targets: list[str] = []
        self._turn = count()
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(1)
        queue.on_new, queue.on_webhook = self.wake, self.restart

    def wake(self, lane: int) -> None:
        if self.queue.webhook.url and lane not in self._lanes:
            self._lanes[lane] = asyncio.create_task(self._run(lane))

    def restart(self) -> None:
        """The webhook has changed: what was not taken goes to the new one."""
        self.stop()
        self._slots = asyncio.Semaphore(self.queue.webhook.max_connections)
        for lane in list(self.queue.lanes):
            self.wake(lane)

    def stop(self) -> None:
        for task in self._lanes.values():
            task.cancel()
        self._lanes = {}

    async def _run(self, lane: int) -> None:
        try:
            await self._empty(lane)
        finally:
            if self._lanes.get(lane) is asyncio.current_task():  # after a restart the lane is another's
                del self._lanes[lane]

    async def _empty(self, lane: int) -> None:
        failures, pauses = 0, self.pushing.retry_pauses
        while update := self.queue.first_of(lane):
            async with self._slots:
                taken = await self._deliver(update)
            if taken:
                failures = 0
                self.queue.confirm(update.id)
            else:
                await asyncio.sleep(pauses[min(failures, len(pauses) - 1)])
                failures += 1

    async def _deliver(self, update: Update) -> bool:
        url = self.targets[next(self._turn) % len(self.targets)] if self.targets else self.queue.webhook.url
        status, answer = await self.post(update, url)
        if 200 <= status < 300:
            update.served = True
            await self._obey(answer)
            return True
        webhook = self.queue.webhook
        webhook.last_error_date = int(self.queue.now())
        webhook.last_error_message = f"Wrong response from the webhook: {answer}" if status else answer
        self.queue.bell.ring()
        return False

    async def post(self, update: Update, url: str) -> tuple[int, str]:
        """Status and body, or 0 and why there was no answer; nothing leaves this machine."""
        if urlsplit(url).hostname not in LOOPBACK:
            return 0, "Failed to resolve host: Name or service not known"
        headers = {SECRET_HEADER: self.queue.webhook.secret} if self.queue.webhook.secret else {}
        limit = ClientTimeout(self.pushing.timeout)
        try:
            async with self.pushing.session.post(url, json=update.body, headers=headers, timeout=limit) as response:
                body = await response.text(errors="replace")
                status, answer = response.status, body if response.ok else f"{response.status} {response.reason}"
        except TimeoutError:
            status, answer = 0, "Read timeout expired"
        except (ClientError, OSError) as e:
            status, answer = 0, "Connection refused" if "refused" in str(e) else "Connection reset by peer"
        self.pushing.deliveries.append(Delivery(time.monotonic(), self.bot, update.id, url, status))
        return status, answer

    async def _obey(self, answer: str) -> None:
        """The answer to a webhook may itself call a method; nobody hears how that went."""
        try:
            call: Any = json.loads(answer)
        except ValueError:
            return
        if isinstance(call, dict) and call.get("method"):
            await self.pushing.perform(self.bot, call)
