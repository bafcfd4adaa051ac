"""Tells replies: in order for each chat, at the pace Telegram allows, and whatever happens to this process."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from datetime import timedelta

from bot.channels import Refused, TryLater, Uncertain, Unreachable
from bot.channels.owing import Owing
from bot.channels.telegram.attachments import look_for
from bot.channels.telegram.call import Call
from bot.channels.telegram.line import Line
from bot.channels.telegram.render import render_all
from bot.conversation.group import REPLIES
from bot.conversation.message import Message, Reply
from models.telling import LEASE, Owed, Told

log = logging.getLogger(__name__)
GRACE = 10.0  # seconds the last replies have when the house closes


class Teller:
    def __init__(self, line: Line) -> None:
        self._line = line
        self._owing = Owing(line.desk, self._lanes, self._owed)
        self._chats: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: Counter[str] = Counter()
        self._telling: set[asyncio.Task[None]] = set()
        self._held: dict[str, Owed] = {}  # what is told here or waits for it, as it was last leased

    def tell(self, community_id: int, message: Message, replies: list[Reply]) -> None:
        """Tell the replies to a message just answered; returns at once."""
        if replies:
            s = message.sender
            key = f"{s.channel}:{s.account}:{s.user}:{message.id}"
            self._owed(Owed(key, community_id, 0, list(replies), 0, self._line.desk.now() + LEASE))

    def also(self, chat: str, *calls: Call) -> None:
        """Make calls no turn stands behind, after what is being told there; not made, they do no harm."""
        self._start(chat, self._small(chat, calls))

    def _owed(self, owed: Owed) -> None:
        """Queue it; what waited so long that it was found overdue is in the queue already."""
        queued = owed.key in self._held
        self._held[owed.key] = owed
        if not queued:
            chat = owed.key.split(":", 3)[2]
            self._start(chat, self._told(owed.key, chat))

    def _start(self, chat: str, job: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._in_order(chat, job))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _in_order(self, chat: str, job: Coroutine[None, None, None]) -> None:
        self._waiting[chat] += 1
        try:
            async with self._chats[chat]:
                await job
        except Exception:
            log.exception("a reply was not told; it stays owed")
        finally:
            job.close()  # it may not have had its turn
            self._waiting[chat] -= 1
            if not self._waiting[chat]:
                del self._waiting[chat], self._chats[chat]

    async def _small(self, chat: str, calls: Sequence[Call]) -> None:
        try:
            for call in calls:
                await self._line.say(chat, call)
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            log.info("not told: %s: %s", type(failure).__name__, failure)

    async def _told(self, key: str, chat: str) -> None:
        try:
            if await self._owing.holds(owed := self._held[key]):
                await self._owing.note(await self._all(owed, chat))
        finally:
            del self._held[key]

    async def _all(self, owed: Owed, chat: str) -> Told:
        """Make one call after another; where one cannot be made now, it and those behind it are left for later."""
        calls = await asyncio.to_thread(self._calls, owed)
        for count, call in enumerate(calls[owed.told :], owed.told):
            try:
                await self._line.say(chat, call)
            except TryLater as failure:
                return Told(owed.key, count, self._line.desk.now() + timedelta(seconds=failure.seconds))
            except Unreachable:
                return Told(owed.key, count, lost=True)
            except (Refused, Uncertain) as failure:
                log.warning("a reply was not told: %s: %s", type(failure).__name__, failure)
        return Told(owed.key, len(calls))

    def _calls(self, owed: Owed) -> list[Call]:
        look = look_for(self._line, owed.key, owed.community_id)
        shown = render_all(REPLIES.validate_python(owed.replies), look)
        return [call for calls in shown for call in calls]

    def _lanes(self) -> list[str]:
        return [f"telegram:{slug}" for slug in self._line.account.serves]

    async def run(self) -> None:
        """Tell what is overdue too, until cancelled."""
        await self._owing.run()

    async def finish(self) -> None:
        """Let what is being told be told, for a moment; the rest is owed to whoever comes next."""
        if self._telling:
            await asyncio.wait(self._telling, timeout=GRACE)
        left = list(self._telling)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
