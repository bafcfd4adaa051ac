"""Takes one letter after another to the desk, and has the reply ready while WeCom still waits.

WeCom brings a letter three times (document/path/90238), and each time waits for the same reply. Nothing is
acknowledged before its turn is committed; a reply that none of the three could wait for is sent as a message, and so
is what an answer has no room for.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime

from bot.channels.flood import Flood
from bot.channels.wechat.letter import Letter
from bot.channels.wechat.pictures import NotSeen, Pictures
from bot.channels.wechat.reading import Heard, understood
from bot.channels.wechat.reply import text_reply
from bot.channels.wecom.door import CHANNEL, Door
from bot.channels.wecom.sending import Sending
from bot.channels.wecom.teller import Answer, Teller
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Message
from bot.conversation.texts import texts
from bot.conversation.worker import Worker

log = logging.getLogger(__name__)
PATIENCE = 4.5  # seconds until WeCom has to have an answer; at five it hangs up
THRICE = 15.0  # seconds in which it brings a letter
KEPT = 30.0  # seconds a reply is at hand for the same letter brought again
GRACE = 2.0  # seconds for what is on its way when we are stopped


@dataclass
class Turn:
    """One letter on its way to its reply."""

    answer: "asyncio.Task[Answer]"
    handed_over: asyncio.Event = field(default_factory=asyncio.Event)


class Reception:
    def __init__(
        self, desk: Desk, worker: Worker, corpid: str, sending: Sending, teller: Teller, pictures: Pictures
    ) -> None:
        self._desk, self._worker, self._pictures = desk, worker, pictures
        self._sending, self._teller = sending, teller
        self._door, self._flood = Door(desk, corpid), Flood()
        self._turns: dict[str, Turn] = {}
        self._following: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        return self._desk.now()

    async def answer(self, letter: Letter, begun: float) -> str:
        """The reply's XML, or "" for nothing to show; `begun` is the loop's time when the letter came.

        Raises TimeoutError where WeCom cannot wait for it, and what made the turn fail: it is to come again.
        """
        turn = self._turns.get(letter.identity) or self._begin(letter)
        left = begun + PATIENCE - asyncio.get_running_loop().time()
        found = await asyncio.wait_for(asyncio.shield(turn.answer), max(0.01, left))
        return text_reply(letter, found.pages[0], self.now()) if found.pages else ""

    def handed_over(self, letter: Letter) -> None:
        """The reply to a letter is on the wire."""
        if turn := self._turns.get(letter.identity):
            turn.handed_over.set()

    async def finish(self) -> None:
        """Let what is on its way arrive, for a moment."""
        if self._following:
            await asyncio.wait(self._following, timeout=GRACE)
        for task in list(self._following):
            task.cancel()

    def _begin(self, letter: Letter) -> Turn:
        turn = self._turns[letter.identity] = Turn(asyncio.create_task(self._take(letter)))
        following = asyncio.create_task(self._follow(letter, turn))
        self._following.add(following)
        following.add_done_callback(self._following.discard)
        return turn

    async def _follow(self, letter: Letter, turn: Turn) -> None:
        """What the answer had no room for follows it; all of it where there was no answer in time."""
        loop = asyncio.get_running_loop()
        last = loop.time() + THRICE
        try:
            found = await turn.answer
        except Exception as failure:
            log.warning("a letter was not answered, it comes again: %s", type(failure).__name__)
            del self._turns[letter.identity]
            return
        loop.call_later(KEPT, self._turns.pop, letter.identity, None)
        if not found.pages:
            return
        try:
            await asyncio.wait_for(turn.handed_over.wait(), max(1.0, last - loop.time()))
        except TimeoutError:
            log.info("an answer comes too late to be one, and is sent")
        try:
            await self._teller.go_on(letter.sender, found, told=int(turn.handed_over.is_set()))
        except Exception as failure:  # its turn is committed: it stays owed
            log.warning("an answer was not told yet: %s", type(failure).__name__)

    async def _take(self, letter: Letter) -> Answer:
        """What answers a letter; its first page is the reply WeCom waits for."""
        heard = understood(letter, "gcj02")
        if letter.event == "enter_agent" and not await asyncio.to_thread(self._door.is_known, letter.sender):
            heard = Heard(choice="/hello")  # whoever knows us opens the app many times a day
        if heard is None:
            return Answer()
        verdict = self._flood.judge(Address(CHANNEL, "", letter.sender), time.monotonic(), heard.text)
        if verdict.wait:
            return Answer([texts("zh")("wechat.slow_down")]) if verdict.tell else Answer()
        place = await asyncio.to_thread(self._door.place, letter.sender, letter.identity, heard)
        if isinstance(place, str):
            return Answer([place])
        found = await self._heard(letter, place.heard, place.community, place.language)
        if place.alarmed:
            await asyncio.to_thread(self._door.threshold.heard_inside, letter.sender)
        return found

    async def _heard(self, letter: Letter, heard: Heard, community: Community, language: str) -> Answer:
        manner, sender = (
            self._sending.manner(community, language or "zh"),
            Address(CHANNEL, community.slug, letter.sender),
        )
        if heard.cannot:
            return Answer([manner.texts("wecom.cannot")])
        try:
            media = (await self._pictures.fetch(community.id, sender, letter),) if heard.picture else ()
        except NotSeen as reason:
            return Answer([manner.texts(f"wechat.{reason}")])
        said = heard.text, heard.choice, heard.label, media, heard.place, language
        message = Message(letter.identity, sender, *said, owed=True)
        return await self._teller.answer(community.id, message, await self._worker.answer(community.id, message))
