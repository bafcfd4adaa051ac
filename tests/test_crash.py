"""Killed twenty times in the middle of its work, the program loses nothing and does nothing twice."""

import asyncio
import json
import multiprocessing
import random
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.conversation.desk import Desk
from bot.conversation.message import Address
from models.dialogue import Heard
from models.outbox import Post, Push
from models.resident import Role
from models.ticket import Ticket
from scheduler.claim import LEASE
from scheduler.departing import IN_FLIGHT
from tests.conftest import NOON, Chat, both_stores
from tests.crash_child import live

pytestmark = [both_stores, pytest.mark.slow]
HOMES = range(101, 126)  # buildings the community's map does not know: no report is like a neighbour's
REPORTS, KILLS = 20, 20
LINES = ("{home}幢楼道的灯坏了，第{n}次", "跳过", "13812345678", "可以")
EVERYTHING = len(HOMES) * REPORTS * len(LINES)
GENEROUS = 240  # seconds after which it has got stuck
NURSERY = multiprocessing.get_context("forkserver")  # processes of its own, with everything imported already
NURSERY.set_forkserver_preload(["tests.crash_child"])


class Process:
    """One life of the program, and the socket it is spoken to over."""

    def __init__(self, store: str, deliveries: Path) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = NURSERY.Process(target=live, args=(store, str(deliveries), theirs), daemon=True)
            self._process.start()

    async def __aenter__(self) -> "Process":
        self._heard, self._mouth = await asyncio.open_connection(sock=self._ours)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()
        await asyncio.to_thread(self._process.join)
        self._mouth.close()
        self._process.close()

    def tell(self, word: dict[str, object]) -> None:
        self._mouth.write(f"{json.dumps(word)}\n".encode())

    async def says(self) -> bytes:
        line = await self._heard.readline()
        assert line, "it died by itself"
        return line

    async def last_words(self) -> list[bytes]:
        """Kill it; what it had said by then and nobody had heard yet."""
        self._process.kill()
        lines: list[bytes] = []
        try:
            while (line := await self._heard.readline()).endswith(b"\n"):
                lines.append(line)
        except ConnectionResetError:  # it had not read everything it was told
            pass
        return lines

    async def ends(self) -> None:
        """By itself, once nobody speaks to it any more."""
        self._mouth.write_eof()
        await asyncio.to_thread(self._process.join, GENEROUS)
        assert self._process.exitcode == 0


@dataclass
class Platform:
    """Delivers what residents say, one after another each, and again whatever was not acknowledged."""

    community: int
    store: str
    deliveries: Path
    lanes: dict[str, deque[dict[str, object]]] = field(default_factory=dict)
    acknowledged: Counter[int] = field(default_factory=Counter)
    now = NOON

    def __post_init__(self) -> None:
        count = iter(range(EVERYTHING))
        for home in HOMES:
            lane = self.lanes[f"resident {home}"] = deque()
            for n in range(REPORTS):
                for line in LINES:
                    i, said = next(count), line.format(home=home, n=n)
                    more = {"n": i, "community": self.community, "user": f"resident {home}"}
                    lane.append(more | {"id": f"message {i}", "text": said})
        self._lane_of = {said["n"]: lane for lane in self.lanes.values() for said in lane}

    async def life(self, kill_at: int | None, later: float) -> None:
        """Let a process work until so many messages are acknowledged, and a moment more; then kill it."""
        began, enough = time.monotonic(), EVERYTHING if kill_at is None else kill_at
        async with Process(self.store, self.deliveries) as child:
            child.tell({"now": self.now.isoformat()})
            for lane in self.lanes.values():
                if lane:
                    child.tell(lane[0])
            while sum(self.acknowledged.values()) < enough:
                if lane := self._acknowledge(await child.says()):
                    child.tell(lane[0])
            if kill_at is None:
                child.tell({"drain": True})
                assert await child.says() == b"drained\n"
                return await child.ends()
            await asyncio.sleep(later)
            for line in await child.last_words():
                self._acknowledge(line)
        self.now += timedelta(seconds=time.monotonic() - began + 1) + LEASE

    def _acknowledge(self, line: bytes) -> deque[dict[str, object]]:
        n = int(line)
        self.acknowledged[n] += 1
        lane = self._lane_of[n]
        assert lane.popleft()["n"] == n, "acknowledged out of turn"
        return lane


@pytest.fixture
def platform(desk: Desk, store_url: str, tmp_path: Path) -> Platform:
    """Residents each in a building of their own, and one worker who is told of every report."""
    wang = Chat(desk, "wang")
    wang.address = Address("wire", "hongmei", "wang")
    wang.settle_in(Role.WORKER, "40幢1单元101")
    for home in HOMES:
        chat = Chat(desk)
        chat.address = Address("wire", "hongmei", f"resident {home}")
        chat.settle_in(home=f"{home}幢1单元101")
    return Platform(wang.community.id, store_url, tmp_path / "deliveries")


async def test_killed_twenty_times_it_loses_nothing_and_does_nothing_twice(platform: Platform, chat: Chat) -> None:
    chance = random.Random(20261121)
    already = len(chat.rows(Heard))
    kills = sorted(chance.sample(range(EVERYTHING // 50, EVERYTHING), KILLS))
    async with asyncio.timeout(GENEROUS):
        for kill_at in kills:
            await platform.life(kill_at, later=chance.uniform(0, 0.03))
        await platform.life(None, later=0)
    assert platform.acknowledged == Counter(range(EVERYTHING))
    assert len(chat.rows(Heard)) == already + EVERYTHING
    reports = [LINES[0].format(home=h, n=n) for h in HOMES for n in range(REPORTS)]
    tickets = chat.rows(Ticket)
    assert Counter(t.description for t in tickets) == Counter(reports)
    assert sorted(t.number for t in tickets) == list(range(1, len(reports) + 1))
    _every_push_once(chat.rows(Push), platform.deliveries, reports)


def _every_push_once(pushes: list[Push], deliveries: Path, reports: list[str]) -> None:
    delivered = [json.loads(line) for line in deliveries.read_text("utf-8").splitlines()]
    arrived = Counter(d["key"] for d in delivered)
    by_state = {state: {p.key for p in pushes if p.state is state} for state in Post}
    assert Counter(p.facts["description"] for p in pushes) == Counter(reports)
    assert by_state[Post.SENT] | by_state[Post.UNCERTAIN] == {p.key for p in pushes}, "unsent"
    assert set(arrived.values()) == {1}, "delivered twice"
    assert by_state[Post.SENT] <= set(arrived) <= {p.key for p in pushes}
    assert len(by_state[Post.UNCERTAIN]) <= KILLS * IN_FLIGHT
    wording = {p.key: p.facts["description"] for p in pushes}
    assert all(wording[d["key"]] in d["text"] for d in delivered)
