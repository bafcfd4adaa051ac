"""Tells what an answer had no room for, and answers that came too late to be one, whatever happens to this process."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from weakref import WeakValueDictionary

from bot.channels import Refused, TryLater, Uncertain, Unreachable
from bot.channels.owing import Owing
from bot.channels.wecom.door import CHANNEL
from bot.channels.wecom.sending import Sending, pages
from bot.conversation.desk import Desk
from bot.conversation.group import REPLIES
from bot.conversation.message import Message, Reply
from models.history import resident_at
from models.store import reading
from models.telling import LEASE, Owed, Told

log = logging.getLogger(__name__)
GRACE = 2.0  # seconds for what is on its way when we are stopped


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one letter, in messages; nothing is owed of what is said at the door."""

    pages: Sequence[str] = ()
    owed: Owed | None = None


class Teller:
    def __init__(self, desk: Desk, sending: Sending) -> None:
        self._desk, self._sending = desk, sending
        self._owing = Owing(desk, self._lanes, self._take_up)
        self._telling: dict[str, asyncio.Task[None]] = {}  # what is overdue and told here, by its key
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # of members

    async def answer(self, community_id: int, message: Message, replies: Sequence[Reply]) -> Answer:
        """The answer to a message whose turn is committed."""
        return await asyncio.to_thread(self._answer, community_id, message, replies) if replies else Answer()

    async def go_on(self, member: str, answer: Answer, told: int) -> None:
        """Tell a member what is left of an answer; what cannot leave now stays owed."""
        if answer.owed is not None:
            return await self._tell(replace(answer.owed, told=told))
        try:
            for text in answer.pages[told:]:
                await self._sending.say(member, text)
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            log.info("not told at the door: %s: %s", type(failure).__name__, failure)

    async def run(self) -> None:
        """Tell what is overdue, until cancelled."""
        await self._owing.run()

    async def finish(self) -> None:
        """Let what is on its way arrive, for a moment; the rest is owed to whoever comes next."""
        left = list(self._telling.values())
        if left:
            await asyncio.wait(left, timeout=GRACE)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _take_up(self, owed: Owed) -> None:
        if owed.key not in self._telling:
            task = self._telling[owed.key] = asyncio.create_task(self._tell(owed))
            task.add_done_callback(lambda done: self._taken(owed.key, done))

    def _taken(self, key: str, done: "asyncio.Task[None]") -> None:
        del self._telling[key]
        if not done.cancelled() and (failure := done.exception()):
            log.warning("an answer was not told; it stays owed: %s", type(failure).__name__)

    async def _tell(self, owed: Owed) -> None:
        member = owed.key.split(":", 3)[2]
        turn = self._turns.setdefault(member, asyncio.Lock())
        async with turn:
            if await self._owing.holds(owed):
                await self._owing.note(await self._all(owed, member))

    async def _all(self, owed: Owed, member: str) -> Told:
        """Send one message after another; where one cannot leave now, it and those behind it are left for later."""
        texts = await asyncio.to_thread(self._pages, owed)
        for count, text in enumerate(texts[owed.told :], owed.told):
            try:
                await self._sending.say(member, text)
            except TryLater as failure:
                log.info("an answer is not told yet: %s", failure)
                return Told(owed.key, count, self._desk.now() + timedelta(seconds=failure.seconds))
            except Unreachable:
                return Told(owed.key, count, lost=True)
            except (Refused, Uncertain) as failure:
                log.warning("part of an answer was not told: %s: %s", type(failure).__name__, failure)
        return Told(owed.key, len(texts))

    def _answer(self, community_id: int, message: Message, replies: Sequence[Reply]) -> Answer:
        at = message.sender
        with reading(self._desk.engine, community_id) as db:
            resident_id = resident_at(db, at.channel, at.account, at.user) or 0
        key = f"{at.channel}:{at.account}:{at.user}:{message.id}"
        owed = Owed(key, community_id, resident_id, list(replies), 0, self._desk.now() + LEASE)
        return Answer(self._pages(owed), owed)

    def _pages(self, owed: Owed) -> list[str]:
        """Cut alike whoever cuts them: how many have left is counted in them."""
        manner = self._sending.manner_of(owed.community_id, owed.resident_id)
        return pages(REPLIES.validate_python(owed.replies), manner)

    def _lanes(self) -> list[str]:
        return [f"{CHANNEL}:{community.slug}" for community in self._desk.communities.all()]
