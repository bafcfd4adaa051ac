"""Pushes that wait for a resident's next word: said together with the reply to it."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from bot.channels.wechat.accounts import Account
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Reply
from bot.conversation.pushed import word
from models.next_word import begin_telling, for_next_word, owe_at_next_word, those_waiting, to_senders, told
from models.store import reading, transaction

log = logging.getLogger(__name__)
MOST = 3  # pushes told with one reply: more would bury it
LOOK = 1.0  # seconds between looks for whom something waits
GRACE = 5.0  # seconds that has when the house closes
AGAIN = 1.0  # seconds until what was told is written down once more when the store is away


class NextWord:
    """Knows by heart for whom something waits: most turns ask the store nothing."""

    def __init__(self, desk: Desk, account: Account) -> None:
        self.account = account
        self._desk, self._waiting = desk, set[tuple[str, str]]()
        self._telling: dict[str, list[int]] = {}  # pushes, by the letter whose reply carries them
        self._settling: set[asyncio.Task[None]] = set()

    async def waiting(self, to: Address, letter: str) -> list[Reply]:
        """What is to be said with the reply to a letter; `settled` once the reply is handed over.

        Where more waits, it goes back to the senders: a word opens a window for them too.
        """
        if (to.account, to.user) not in self._waiting:
            return []
        self._waiting.discard((to.account, to.user))
        ids, replies = await asyncio.to_thread(self._taken, to)
        if ids:
            self._telling[letter] = ids
        return replies

    async def keep(self, to: Address, key: str, words: str) -> None:
        """Keep what came too late to be an answer; the same key kept again changes nothing."""
        await asyncio.to_thread(self._keep, to, key, words)
        self._waiting.add((to.account, to.user))

    def settled(self, letter: str) -> None:
        """The reply to a letter was handed to WeChat, with all it carried."""
        if ids := self._telling.pop(letter, []):
            task = asyncio.create_task(self._settle(ids))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def finish(self) -> None:
        """Let what was told be written down."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=GRACE)

    async def _settle(self, ids: Sequence[int]) -> None:
        while True:
            try:
                return await asyncio.to_thread(self._told, ids)
            except Exception:
                log.exception("%d pushes were told and not written down; they will be", len(ids))
                await asyncio.sleep(AGAIN)

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("looking for what waits for a word failed")
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Learn anew for whom something waits."""
        self._waiting = await asyncio.to_thread(self._look)

    def _keep(self, to: Address, key: str, words: str) -> None:
        community = self._desk.communities[to.account]
        with transaction(self._desk.engine, community.id, self._desk.now()) as db:
            owe_at_next_word(db, to.channel, to.account, to.user, key, "wechat.late", text=words)

    def _look(self) -> set[tuple[str, str]]:
        with reading(self._desk.engine, None, self._desk.now()) as db:
            return those_waiting(db, "wechat", self.account.serves)

    def _taken(self, to: Address) -> tuple[list[int], list[Reply]]:
        community = self._desk.communities[to.account]
        with transaction(self._desk.engine, community.id, self._desk.now()) as db:
            rows = for_next_word(db, to.channel, to.account, to.user)
            worded = [(row.id, reply) for row in rows if (reply := self._worded(row)) is not None][:MOST]
            ids = [push_id for push_id, _ in worded]
            begin_telling(db, ids)
            if others := [row.id for row in rows if row.id not in ids]:
                to_senders(db, f"{to.channel}:{to.account}", others)
        if others:
            self._desk.wake(self._desk.now())
        return ids, [reply for _, reply in worded]

    def _worded(self, row: Any) -> Reply | None:
        """None for what cannot be worded: the senders put it off."""
        try:
            return word(row, self._desk.communities)
        except Exception:
            log.exception("the push %s cannot be worded", row.key)
            return None

    def _told(self, ids: Sequence[int]) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            told(db, ids)
