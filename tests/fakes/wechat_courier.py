"""Bringing letters to an account's server: three attempts at most, then an apology on the resident's screen.

Source: developers.weixin.qq.com/doc/service/guide/product/message/Receiving_standard_messages.html. It does not say
what becomes of an answer that is no 200; here it counts as none.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from tests.fakes.wechat_envelope import Server, Unreadable, challenge, seal, unseal
from tests.fakes.wechat_letters import Value, letter
from tests.fakes.wechat_reply import SILENT, Broken, read
from tests.fakes.wechat_state import Account, Corp, Follower, Shown
from tests.fakes.wechat_world import APOLOGY, Breakage, Delivery, World

ATTEMPTS = 3
LOOPBACK = ("127.0.0.1", "localhost", "::1")
IN_VAIN = "no answer in three attempts"


class Answer(NamedTuple):
    status: int
    body: str
    xml: str  # what was in the envelope, "" where nothing was
    seconds: float


@dataclass(eq=False)
class Sent:
    """A letter on its way, and what came of it."""

    world: World = field(repr=False)
    server: Server
    follower: Follower
    identity: str
    xml: str
    visible: bool  # whether the person sees a reply to it
    outcome: Literal["", "shown", "silent", "broken", "unheard"] = ""
    reply: Shown | None = None
    attempts: list[Delivery] = field(default_factory=list)
    stamps: tuple[str, str] = ("", "")

    async def answered(self, timeout: float = 20.0) -> "Sent":
        """Wait until the platform has done with it."""
        if not await self.world.bell.until(lambda: self.outcome, timeout):
            raise AssertionError(f"{self.identity} has no outcome after {timeout} s")
        return self


class Courier:
    def __init__(self, world: World) -> None:
        self.world = world
        self.session = ClientSession(connector=TCPConnector(limit=0))
        self.under_way: set[asyncio.Task[None]] = set()
        self._ids, self._turn = count(24_000_000_000_000_001), count()

    async def close(self) -> None:
        for task in self.under_way:
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)
        await self.session.close()

    def carry(
        self, server: Server, follower: Follower, kind: str, fields: dict[str, Value], visible: bool = True
    ) -> Sent:
        """Bring it in the background; messages get a MsgId, events none."""
        at, identity = int(self.world.now()), f"{fields.get('Event', '')} {follower.openid} {self.world.stamp()}"
        if kind != "event":
            number = next(self._ids)
            identity, fields = str(number), fields | {"MsgId": number}
        if isinstance(server, Corp):
            fields = fields | {"AgentID": server.agentid}
        xml = letter(server.original_id, follower.openid, at, kind, fields)
        sent = Sent(self.world, server, follower, identity, xml, visible)
        if not (server.server_url or server.replicas):
            sent.outcome = "unheard"
            return sent
        for url in (server.server_url, *server.replicas):
            _stay(url)
        task = asyncio.create_task(self._carry(sent))
        self.under_way.add(task)
        task.add_done_callback(self._arrived)
        return sent

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        self.world.bell.ring()

    async def _carry(self, sent: Sent) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            answer = await self.post(sent, self._door(sent.server), attempt)
            if answer.status == 200:
                self._take(sent, answer)
                return
            if attempt < ATTEMPTS and sent.attempts[-1].why != "timeout":
                await asyncio.sleep(self.world.retry_pause)
        self._apologise(sent, IN_VAIN, "")

    def _door(self, server: Server) -> str:
        return server.replicas[next(self._turn) % len(server.replicas)] if server.replicas else server.server_url

    async def post(self, sent: Sent, url: str, attempt: int) -> Answer:
        """One attempt, signed anew; nothing leaves this machine."""
        _stay(url)
        if not (self.world.repeats_nonces and sent.stamps[0]):
            sent.stamps = str(int(self.world.now())), str(secrets.randbelow(10**10))
        query, body = seal(sent.server, sent.xml, sent.follower.openid, *sent.stamps)
        began, why, status, text = time.monotonic(), "", 0, ""
        try:
            async with self.session.post(
                url,
                params=query,
                data=body,
                headers={"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0"},
                timeout=ClientTimeout(self.world.patience),
            ) as response:
                status, text = response.status, (await response.read()).decode("utf-8", "replace")
        except TimeoutError:
            why = "timeout"
        except (ClientError, OSError) as e:
            why = "refused" if "Connect call failed" in str(e) else "cut"
        seconds = time.monotonic() - began
        names = (began, sent.server.receiver, sent.identity, url, attempt, status, seconds, why)
        sent.attempts.append(Delivery(*names))
        self.world.deliveries.append(sent.attempts[-1])
        return Answer(status, text, _inside(sent.server, text), seconds)

    def _take(self, sent: Sent, answer: Answer) -> None:
        if answer.body.strip() in SILENT:
            sent.outcome = "silent"
            return
        try:
            sent.reply = self._read(sent, answer.body)
        except (Unreadable, Broken) as e:
            self._apologise(sent, str(e), answer.body)
            return
        sent.outcome = "silent"
        if sent.visible and (sent.follower.follows or isinstance(sent.server, Corp)):
            sent.outcome = "shown"
            sent.follower.typing = False
            self.world.show(sent.follower, sent.reply)

    def _read(self, sent: Sent, body: str) -> Shown:
        owner = sent.server.receiver

        def picture(media_id: str) -> bytes | None:
            found = self.world.medium(media_id, owner)
            return found.data if found and found.kind == "image" else None

        return read(sent.server, sent.follower.openid, unseal(sent.server, body), picture)

    def _apologise(self, sent: Sent, why: str, body: str) -> None:
        self.world.broken.append(Breakage(sent.server.receiver, sent.identity, why, body))
        sent.outcome = "broken"
        if sent.visible and sent.follower.follows and isinstance(sent.server, Account):
            self.world.show(sent.follower, Shown("system", "system", APOLOGY))

    async def verify(self, server: Server) -> bool:
        """What 提交 on the settings page does: whether the address echoes as it must."""
        echo, nonce = str(secrets.randbelow(10**18)), str(secrets.randbelow(10**10))
        query = challenge(server, echo, str(int(self.world.now())), nonce)
        try:
            async with self.session.get(self._door(server), params=query) as response:
                return response.status == 200 and await response.text() == echo
        except (ClientError, OSError):
            return False


def _stay(url: str) -> None:
    if url and urlsplit(url).hostname not in LOOPBACK:
        raise ValueError(f"{url} is not on this machine")


def _inside(server: Server, body: str) -> str:
    try:
        return "" if body.strip() in SILENT else unseal(server, body)
    except Unreadable:
        return ""
