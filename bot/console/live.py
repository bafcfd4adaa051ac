"""News of a community for the pages that are open: that something has changed, and how much of it is urgent."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from bot.conversation.desk import Desk
from models.audit import last_entries
from models.login import find_login
from models.store import reading
from models.today import pressing

log = logging.getLogger(__name__)
LOOKS = 2.0  # seconds between looks into the store, whichever process changed it and however many pages are open
HEARTBEAT = 15.0  # seconds between signs of life: proxies cut what is silent


class Watch:
    """Rings at the pages of each community whose audit has moved on."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._open = desk, True
        self._bells: dict[int, set[asyncio.Event]] = defaultdict(set)
        self._seen: dict[int, int] = {}

    async def run(self) -> None:
        """Look for news for ever; nothing is asked of the store while nobody listens."""
        while True:
            await asyncio.sleep(LOOKS)
            try:
                if self._bells:
                    self._ring(await asyncio.to_thread(self._look))
            except Exception:
                log.exception("looking for news failed; tried again")

    def _look(self) -> dict[int, int]:
        with reading(self._desk.engine, None) as db:
            return last_entries(db, list(self._bells))

    def _ring(self, last: dict[int, int]) -> None:
        for community_id, seq in last.items():
            if self._seen.get(community_id) != seq:
                self._seen[community_id] = seq
                for bell in self._bells.get(community_id, ()):
                    bell.set()

    @contextmanager
    def _bell(self, community_id: int) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._bells[community_id].add(bell)
        try:
            yield bell
        finally:
            self._bells[community_id].discard(bell)
            if not self._bells[community_id]:
                del self._bells[community_id]

    async def close(self, _: object = None) -> None:
        """Let every page go: it comes back by itself to whoever answers next."""
        self._open = False
        for bells in list(self._bells.values()):
            for bell in bells:
                bell.set()

    async def follow(self, request: web.Request, token: str, community_id: int) -> web.StreamResponse:
        """Tell a page how things stand, and again whenever that has changed, until it or its login ends.

        A page that comes back is told how things stand then, so that it has missed nothing.
        """
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        told = None
        try:
            with self._bell(community_id) as bell:
                while self._open:
                    bell.clear()
                    news = await asyncio.to_thread(self._news, token, community_id)
                    if news is None:
                        break
                    if news != told:
                        told = news
                        await response.write(f"id: {news['seq']}\ndata: {json.dumps(news)}\n\n".encode())
                    try:
                        await asyncio.wait_for(bell.wait(), HEARTBEAT)
                    except TimeoutError:
                        await response.write(b": here\n\n")
        except ConnectionResetError:
            log.debug("a page went away")
        return response

    def _news(self, token: str, community_id: int) -> dict[str, int] | None:
        with reading(self._desk.engine, community_id, self._desk.now()) as db:
            known = find_login(db, token)
            if known is None:
                return None
            seq = last_entries(db, [community_id]).get(community_id, 0)
            return {"seq": seq, "urgent": pressing(db, known[1])}
