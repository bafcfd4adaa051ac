"""Takes one letter after another to the desk, and has the reply ready while WeChat still waits.

The same letter brought again waits for the same reply. A turn that takes too long is written down before WeChat is
told that there is nothing to show; its replies follow as messages of their own, or with the resident's next word.
"""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.channels.flood import Flood
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.door import CHANNEL, Door
from bot.channels.wechat.followers import Followers
from bot.channels.wechat.late import Late
from bot.channels.wechat.letter import Letter
from bot.channels.wechat.passive import Manner, spoken, worded
from bot.channels.wechat.pictures import NotSeen, Pictures
from bot.channels.wechat.reading import TAPS, Heard, understood
from bot.channels.wechat.reply import text_reply
from bot.channels.wechat.sending import Sending
from bot.channels.wechat.threshold import Inside
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.meaning import alarming
from bot.conversation.message import Address, Message, Reply
from bot.conversation.texts import texts, words
from bot.conversation.worker import Worker
from bot.understanding.danger import dangerous
from bot.understanding.sense import understand
from bot.understanding.words import exact

log = logging.getLogger(__name__)
PATIENCE = 4.5  # seconds until WeChat has to have an answer
HANGS_UP = 4.9  # seconds after which it hears nothing any more: it does so at five
BROUGHT = timedelta(seconds=9)  # how old is a letter that WeChat brings the third time, and the last
GRACE = 2.0  # seconds for what is on its way when we are stopped
KEPT = 30.0  # seconds a reply is at hand for the same letter brought again: WeChat tries three times in fifteen


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one letter, in messages; at the door there is no address yet, and nothing is kept for later."""

    pages: Sequence[str] = ()
    to: Address | None = None
    words: str = ""  # the same where it comes too late to be an answer


class Reception:
    def __init__(
        self, desk: Desk, worker: Worker, account: Account, followers: Followers, sending: Sending, pictures: Pictures
    ) -> None:
        self.desk, self.account, self.followers = desk, account, followers
        self._worker, self._sending, self._pictures = worker, sending, pictures
        self._door, self._flood, self._late = Door(desk, account), Flood(), Late(desk, account)
        self._taking: dict[str, asyncio.Task[Answer]] = {}
        self._following: dict[str, asyncio.Task[None]] = {}  # letters WeChat was told to forget

    def now(self) -> datetime:
        return self.desk.now()

    async def answer(self, letter: Letter, begun: float) -> str:
        """The reply's XML, or "" for nothing to show; `begun` is the loop's time when the letter came.

        Raises TimeoutError where WeChat hung up before the letter could be written down: it comes again.
        """
        if letter.identity in self._following:
            return ""  # brought again although we took it upon us: its reply is not to be read twice
        task = self._taking.get(letter.identity)
        if task is None and await self._late.has(letter):
            return ""  # another process did
        task = task or self._taking.get(letter.identity) or self._begin(letter)
        left = begun + PATIENCE - asyncio.get_running_loop().time()
        try:
            found = await asyncio.wait_for(asyncio.shield(task), max(0.01, left))
        except TimeoutError:
            await self._put_off(letter, task, begun)
            return ""
        return text_reply(letter, found.pages[0], self.now()) if found.pages else ""

    async def _put_off(self, letter: Letter, task: "asyncio.Task[Answer]", begun: float) -> None:
        """Take the letter upon us while WeChat still hears of it; the last time it is brought, at any rate."""
        last = self.now() - letter.created_at > BROUGHT
        if not await self._late.keep(letter, math.inf if last else begun + HANGS_UP):
            raise TimeoutError
        if letter.identity not in self._following:
            self._following[letter.identity] = asyncio.create_task(self._after(letter, task))

    async def run(self) -> None:
        """Answer, as late as it is, what a process that died has left behind."""
        await self._late.run(self._answer_late)

    async def finish(self) -> None:
        """Let what is on its way arrive, for a moment; what is late is written down for whoever comes next."""
        left = list(self._following.values())
        if left:
            await asyncio.wait(left, timeout=GRACE)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _answer_late(self, letter: Letter, doubtful: bool) -> None:
        task = self._taking.get(letter.identity) or self._begin(letter)
        await self._tell(letter, await asyncio.shield(task), doubtful=doubtful)

    async def _tell(self, letter: Letter, found: Answer, *, doubtful: bool = False) -> None:
        """Send an answer that is late, once; what may not be sent, or did perhaps not arrive, waits for a word."""
        if found.pages and not doubtful:
            if not await self._late.begin(letter):
                return
            doubtful = not await self._sending.tell(letter.sender, found.pages[0])
        if found.to is not None and doubtful:
            await self._sending.keep(found.to, f"late:{self.account.appid}:{letter.identity}", found.words)
        self._sending.settled(letter.identity)
        await self._late.done(letter)

    def serve(self, account: Account) -> None:
        """The same account, serving others from now on."""
        self.account, self._door = account, Door(self.desk, account)

    def handed_over(self, letter: Letter) -> None:
        """The reply to a letter is on the wire."""
        self._sending.settled(letter.identity)

    def _begin(self, letter: Letter) -> "asyncio.Task[Answer]":
        task = asyncio.create_task(self._take(letter))
        self._taking[letter.identity] = task
        forget = asyncio.get_running_loop().call_later
        task.add_done_callback(lambda done: forget(0 if _failed(done) else KEPT, self._forget, letter.identity))
        return task

    def _forget(self, identity: str) -> None:
        self._taking.pop(identity, None)
        self._following.pop(identity, None)

    async def _take(self, letter: Letter) -> Answer:
        """What answers a letter; what may be sent now is noted on the way."""
        self._noted(letter)
        heard = understood(letter, self.account.datum)
        if heard is None:
            return Answer()
        verdict = self._flood.judge(Address(CHANNEL, "", letter.sender), time.monotonic(), heard.text)
        if verdict.wait:
            return Answer([texts("zh")("wechat.slow_down")]) if verdict.tell else Answer()
        place = await asyncio.to_thread(self._door.place, letter, heard)
        if isinstance(place, str):
            return Answer([place])
        greeting = await self._greeted(letter, place) if place.new else []
        found = await self._heard(letter, place.heard, place.community, place.language, greeting)
        if place.alarmed:
            await asyncio.to_thread(self._door.threshold.heard_inside, letter.sender)
        return found

    async def _greeted(self, letter: Letter, place: Inside) -> list[Reply]:
        """Who we are and what we keep, for whoever is led to a matter before they said a word."""
        sender = Address(CHANNEL, place.community.slug, letter.sender)
        hello = Message(f"{letter.identity}:hello", sender, choice="/hello", language=place.language)
        replies = await self._worker.answer(place.community.id, hello)
        return [replace(reply, choices=()) for reply in replies]

    async def _heard(
        self, letter: Letter, heard: Heard, community: Community, language: str, first: Sequence[Reply] = ()
    ) -> Answer:
        manner = self._sending.manner(community, language or "zh")
        sender, say = Address(CHANNEL, community.slug, letter.sender), manner.texts
        more = exact(heard.text, words("wechat")) == "more"
        if more and (rest := await self.followers.more(letter.sender, community.id, letter.identity)):
            return Answer(rest, sender, rest[0])
        try:
            media = (await self._pictures.fetch(community.id, sender, letter),) if heard.picture else ()
        except NotSeen as reason:
            text = say(f"wechat.{reason}")
            return Answer([text], sender, text)
        if heard.cannot:
            known = f"wechat.cannot_{heard.cannot}"
            text = say(known if known in say else "wechat.cannot")
            return Answer([text], sender, text)
        message = Message(letter.identity, sender, heard.text, heard.choice, heard.label, media, heard.place, language)
        replies = [*first, *await self._worker.answer(community.id, message)]
        self._opened(letter)  # whoever was new is known by now; whoever deleted themselves is not
        urgent = bool(heard.text) and (dangerous(heard.text) is not None or alarming(understand(heard.text)))
        waiting = [] if urgent else await self._sending.waiting(sender, letter.identity)  # nothing before the advice
        return await self._paged(letter, sender, replies, manner, waiting)

    async def _paged(
        self, letter: Letter, sender: Address, replies: Sequence[Reply], manner: Manner, waiting: Sequence[Reply]
    ) -> Answer:
        """The first page answers; the others wait for 更多, and so do pushes that had to wait for a word."""
        user = letter.sender
        pages = spoken(replies, manner, waiting)
        if len(pages) > 1:
            await self.followers.keep_rest(user, manner.community.id, letter.identity, pages[1:])
        else:
            self.followers.answered(user)
        self._sending.show_pictures(user, replies, manner)
        return Answer(pages, sender, worded(replies, manner, waiting))

    def _noted(self, letter: Letter) -> None:
        """What WeChat lets us send after this."""
        self._opened(letter)
        for notice in letter.notices:
            if notice.answer == "accept":
                self.followers.agreed(letter.sender, notice.template_id)

    def _opened(self, letter: Letter) -> None:
        """The window that opened; the same noted again changes nothing."""
        user, at = letter.sender, letter.created_at
        if letter.event == "unsubscribe":
            self.followers.left(user, at)
        elif letter.event in TAPS or letter.menu_id:
            self.followers.tapped(user, at)
        elif letter.kind != "event":
            self.followers.said(user, at)

    async def _after(self, letter: Letter, taking: "asyncio.Task[Answer]") -> None:
        """A turn that was late is told once it is done, if WeChat allows it, else with the next word."""
        try:
            await self._tell(letter, await taking)
        except Exception as failure:  # it is written down, and will be taken again
            log.warning("a late letter was not answered: %s", type(failure).__name__)


def _failed(done: "asyncio.Task[Answer]") -> bool:
    """Then the letter brought again is to be tried again."""
    return done.cancelled() or done.exception() is not None
