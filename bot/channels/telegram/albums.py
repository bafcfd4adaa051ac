"""Photos sent together are one message; Telegram brings them one by one and never says which is the last."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlmodel import col, select

from bot.channels.telegram.line import Line
from bot.conversation.message import Address, Message
from models.album import Album, add_to_album, close_album, take_albums
from models.store import reading, transaction

log = logging.getLogger(__name__)
SOON, SELDOM = 0.5, 10.0  # seconds between looks while an album is open here, and while one may have been left behind
Answer = Callable[[int, Message], Awaitable[bool]]


class Albums:
    def __init__(self, line: Line, answer: Answer) -> None:
        self._line, self._answer = line, answer
        self._open: set[str] = set()  # whose albums were begun in this process
        self._begun = asyncio.Event()

    async def add(self, community_id: int, sender: Address, name: str, part: int, ref: str, caption: str) -> None:
        """Keep one photo; it is answered with its fellows once no more come."""
        await asyncio.to_thread(self._add, community_id, sender, name, part, ref, caption)
        self._open.add(sender.user)
        self._begun.set()

    def _add(self, community_id: int, sender: Address, name: str, part: int, ref: str, caption: str) -> None:
        desk, whose = self._line.desk, (sender.channel, sender.account, sender.user)
        with transaction(desk.engine, community_id, desk.now()) as db:
            add_to_album(db, whose, name, part, ref, caption)

    async def finish(self, user: str) -> None:
        """Somebody says something else: the album they sent before it is whole."""
        if user in self._open:
            await self._tell(user)

    async def run(self) -> None:
        while True:
            try:
                await self._tell()
            except Exception:
                log.exception("looking for finished albums failed; it will be tried again")
            self._begun.clear()
            try:
                await asyncio.wait_for(self._begun.wait(), SOON if self._open else SELDOM)
            except TimeoutError:
                continue
            await asyncio.sleep(SOON)

    async def _tell(self, user: str | None = None) -> None:
        for album in await asyncio.to_thread(self._take, user):
            parts = album.parts
            whose = Address(album.channel, album.account, album.user)
            name = f"{self._line.account.id}:{parts[-1]}"  # one that came later makes it another message
            await self._answer(album.community_id, Message(name, whose, album.caption, media=album.photos, owed=True))
            await asyncio.to_thread(self._close, album.id, parts)
            self._open.discard(album.user)

    def _take(self, user: str | None) -> list[Album]:
        desk = self._line.desk
        with reading(desk.engine, None) as db:
            if not db.exec(select(Album.id).where(col(Album.due_at).is_not(None)).limit(1)).first():
                self._open.clear()
                return []
        with transaction(desk.engine, None, desk.now()) as db:
            return take_albums(db, list(self._line.account.serves), user)

    def _close(self, album_id: int, parts: list[str]) -> None:
        desk = self._line.desk
        with transaction(desk.engine, None, desk.now()) as db:
            close_album(db, album_id, parts)
